"""Decoding ahead of use: pictures come in order while the next ones are being read by threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from blemish.data.sample import Sample
from blemish.errors import DataError, ImageError, UsageError, told_at_once
from blemish.images.header import DEFAULT_LIMITS, PictureFacts, ReadLimits
from blemish.images.picture_format import PictureFormat, format_16_bit
from blemish.images.read import Alpha

LARGEST_BATCH = 8  # pictures that go through a graph at once
READERS = 2
AHEAD = LARGEST_BATCH  # so that the next ones are there when these are done
DECODED_PIXELS = LARGEST_BATCH * 1024 * 1024  # of a batch as decoded: large ones go in smaller ones

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_ahead(
    items: Iterable[Item],
    read: Callable[[Item], Result],
    *,
    readers: int = READERS,
    most: int = AHEAD,
) -> Iterator[tuple[Item, Result | Exception]]:
    """Apply `read` to items in threads, `most` of them ahead of use; results come in order.

    An exception takes the place of its result, so that one bad item does not stop the rest.

    Raises:
        UsageError: it goes on in a process that was forked meanwhile, where the threads are not.
    """
    process = os.getpid()
    iterator = iter(items)
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(readers) as pool:
        try:
            waiting.extend((item, pool.submit(read, item)) for item in islice(iterator, most))
            while waiting:
                if os.getpid() != process:
                    raise UsageError(
                        "These results were begun before this process was forked; begin them in it."
                    )
                item, future = waiting.popleft()
                try:
                    result: Result | Exception = future.result()
                except Exception as error:  # handed on, whatever it is
                    result = error
                waiting.extend((i, pool.submit(read, i)) for i in islice(iterator, 1))
                yield item, result
        finally:
            pool.shutdown(cancel_futures=True)


class GoodPictures:
    """Good pictures to learn from, in the order of their ids: what a detector is fitted on.

    Args:
        samples: the pictures; their order does not matter.
        alpha: what to do with transparency that hides something.
        limits: what a picture may cost.

    Raises:
        ImageError: pictures that cannot be read, all at once, as far as their headers tell.
        DataError: pictures of 8 and of 16 bits are mixed.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        *,
        alpha: Alpha = "refuse",
        limits: ReadLimits = DEFAULT_LIMITS,
    ) -> None:
        self.samples = sorted(samples, key=lambda sample: sample.id)
        self._alpha: Alpha = alpha
        self._limits = limits
        facts = self._probe()
        self.sizes_hw = [fact.size_hw for fact in facts]
        self._bit_depth = self._one_depth(facts)

    @cached_property
    def picture_format(self) -> PictureFormat:
        """Depth of all pictures; the white level of 16-bit ones takes a look at each."""
        if self._bit_depth == 8:
            return PictureFormat()
        return format_16_bit(max(int(np.max(picture)) for _, picture in self))

    @property
    def split_keys(self) -> list[str]:
        """What keeps pictures together when some are left out: the group, else the content."""
        return [sample.split_key for sample in self.samples]

    def __iter__(self) -> Iterator[tuple[str, NDArray[Any]]]:
        for sample, picture in read_ahead(self.samples, self._read):
            if isinstance(picture, Exception):
                raise picture
            yield sample.id, picture

    def _read(self, sample: Sample) -> NDArray[Any]:
        return sample.read(limits=self._limits, alpha=self._alpha)

    def _probe(self) -> list[PictureFacts]:
        facts, problems = [], []
        for sample in self.samples:
            try:
                facts.append(sample.probe(limits=self._limits))
            except ImageError as error:
                problems.append(str(error))
        told_at_once(problems, ImageError)
        return facts

    def _one_depth(self, facts: Sequence[PictureFacts]) -> int:
        depths = [fact.bit_depth for fact in facts]
        if len(set(depths)) > 1:
            few = min(set(depths), key=depths.count)
            raise DataError(
                f"Pictures of 8 and of 16 bits are mixed (one of {few} bits is "
                f"'{self.samples[depths.index(few)].id}'); convert them to one depth."
            )
        return depths[0] if depths else 8
