"""Judging any number of images in order, each core or batch kept busy, within a memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from blemish.errors import BlemishError
from blemish.model.judging import JudgingMemory, path_of
from blemish.parallel import read_ahead
from blemish.result import Failure, Prediction

if TYPE_CHECKING:
    from blemish.images.header import Reader
    from blemish.model.judging import ImageLike

WAITING = 2  # results of each core that may wait for whoever takes them

Named = tuple[str | None, NDArray[Any]]  # an image with its path, if it has one


@dataclass(frozen=True)
class Many:
    """Judges images one after the other.

    Attributes:
        reader: of their files.
        memory: that they may take.
    """

    reader: Reader
    memory: JudgingMemory

    def together(
        self,
        images: Iterable[ImageLike],
        most: int,
        *,
        read: Callable[[ImageLike], NDArray[Any]],
        judge: Callable[[Sequence[Named]], Iterator[Prediction | Failure]],
    ) -> Iterator[Prediction | Failure]:
        """Judge images in batches, the next ones being decoded meanwhile.

        Args:
            images: of any number.
            most: that a batch has.
            read: the pixels of one.
            judge: a batch of images of one size.
        """
        waiting: list[Named] = []
        weigh = partial(self.memory.weigh_image, reader=self.reader)
        room = self.memory.room_bytes // 2
        for source, image in read_ahead(images, read, weigh=weigh, room=room):
            path = path_of(source)
            joins = not isinstance(image, Exception) and (
                not waiting or waiting[0][1].shape == image.shape
            )
            if waiting and not joins:
                yield from judge(waiting)
                waiting = []
            if isinstance(image, BlemishError):
                yield Failure(path, str(image))
            elif isinstance(image, Exception):
                raise image
            else:
                waiting.append((path, image))
                if len(waiting) >= min(most, self.memory.most_together(image)):
                    yield from judge(waiting)
                    waiting = []
        if waiting:
            yield from judge(waiting)

    def alone(
        self,
        images: Iterable[ImageLike],
        at_once: int,
        *,
        judge: Callable[[ImageLike], Prediction | Failure],
    ) -> Iterator[Prediction | Failure]:
        """Judge images on a core each, from the file to the verdict.

        Args:
            images: of any number.
            at_once: how many cores there are.
            judge: one image, in the thread that calls.
        """

        def judged(image: ImageLike) -> Prediction | Failure:
            found = judge(image)
            if isinstance(found, Failure):
                return found
            return replace(found, seconds=found.seconds / at_once)

        ahead = WAITING * at_once
        weigh = partial(self.memory.weigh_image, reader=self.reader)
        for image, result in read_ahead(
            images,
            judged,
            readers=at_once,
            most=ahead,
            weigh=weigh,
            room=self.memory.room_bytes,
        ):
            if isinstance(result, BlemishError):
                yield Failure(path_of(image), str(result))
            elif isinstance(result, Exception):
                raise result
            else:
                yield result
