"""What the head learns from: readings of good images, and of the same with synthetic defects.

Each image is read by banks without it, those of the calibration's folds, as if it were new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blemish.detectors.contract import ImageSource
from blemish.detectors.position import Grid, LeftOut, Usual
from blemish.detectors.synthetic.contents import Picture
from blemish.detectors.synthetic.spoil import spoil
from blemish.graph.engine import ONE_CORE
from blemish.graph.session import Session
from blemish.parallel import one_core_each
from blemish.progress import Progress

if TYPE_CHECKING:
    from blemish.detectors.patchcore.fitted import FittedPatchCore
    from blemish.detectors.patchcore.held_out import BankWithout

SPOILT_IMAGES = 600
SPOILT_FROM = 200  # good images at most
MOST_GOOD = 1000  # images whose readings are learned from as they are
CHOSEN, SPOILT = 31, 32  # what else seeds generators, beside the setting
KEPT = np.float16  # what pictures are kept in, a sixteenth of a level exact at least

Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Examples:
    """Readings, and what the head should say of them.

    Attributes:
        spoilt: of images with a synthetic defect each, N x 2 x h x w.
        defects: the share of each of their cells that is the defect's, N x h x w.
        good: of good images, M x 2 x h x w.
    """

    spoilt: Values
    defects: Values
    good: Values


@dataclass(frozen=True, eq=False)
class Side:
    """One of both banks, with its images left out.

    Attributes:
        fitted: the bank.
        left_out: scores of the images.
    """

    fitted: FittedPatchCore
    left_out: LeftOut

    def reader(self, without: BankWithout) -> _Reader:
        """What reads pictures by a bank without some images."""
        model = self.fitted.writer.distances_of_pictures(without.vectors())
        session = Session(model.SerializeToString(), ONE_CORE)
        return _Reader(session, without.shift, self.left_out.usual)


Sides = tuple[Side, Side]


@dataclass(frozen=True, eq=False)
class _Reader:
    session: Session
    shift: float
    usual: Usual

    def multiples(self, picture: Picture) -> Grid:
        """How many times the usual score each cell of a picture has."""
        batch = picture.transpose(2, 0, 1)[None]
        distances = self.session.run(["patch_scores"], picture=batch)[0][0]
        return self.usual.told(distances + np.float32(self.shift))


def make_examples(sides: Sides, images: ImageSource, *, seed: int, progress: Progress) -> Examples:
    """Read good images, and spoil some of them.

    Args:
        sides: the first bank and the finer one, images left out of both in the same parts.
        images: those that both were made of.
        seed: of the defects.
        progress: told of the stages.

    Raises:
        ImageError: an image cannot be read any more.
    """
    judging, _ = sides
    count = len(judging.fitted.names)
    rng = np.random.default_rng([seed, CHOSEN])
    chosen = set(rng.permutation(count)[:SPOILT_FROM].tolist())
    good = np.sort(rng.permutation(count)[:MOST_GOOD])
    pictures = _pictures(judging, images, chosen, progress)
    with Session(judging.fitted.writer.readings().SerializeToString(), ONE_CORE) as readings:
        spoiling = _Spoiling(sides, pictures, readings, seed)
        with progress.stage("defects", SPOILT_IMAGES) as advance, one_core_each() as pool:
            spoilt = {}
            for number, one in spoiling.all(pool):
                spoilt[number] = one
                advance(1)
        return Examples(
            np.stack([spoilt[number].readings for number in range(SPOILT_IMAGES)]),
            np.stack([spoilt[number].defect for number in range(SPOILT_IMAGES)]),
            np.stack([_read(readings, [side.left_out.told(i) for side in sides]) for i in good]),
        )


def _pictures(
    side: Side, images: ImageSource, chosen: set[int], progress: Progress
) -> dict[int, NDArray[np.float16]]:
    """Working images of those chosen, h x w x 3."""
    pictures = {}
    session = Session(side.fitted.writer.pictures().SerializeToString(), ONE_CORE)
    with session, progress.stage("pictures", len(side.fitted.names)) as advance:
        for number, (_, image) in enumerate(images):
            if number in chosen:
                (picture,) = session.run(["picture"], image=image[None])[0]
                pictures[number] = picture.transpose(1, 2, 0).astype(KEPT)
            advance(1)
    return pictures


@dataclass(frozen=True, eq=False)
class _Example:
    readings: Values
    defect: Values


@dataclass(frozen=True, eq=False)
class _Spoiling:
    """Spoils pictures, and reads them by banks without the images that they show.

    Attributes:
        sides: both banks.
        pictures: some good images, by their numbers.
        readings: from multiples to what the head takes.
        seed: of the defects.
    """

    sides: Sides
    pictures: Mapping[int, NDArray[np.float16]]
    readings: Session
    seed: int

    def all(self, pool: Executor) -> Iterator[tuple[int, _Example]]:
        """All examples with their numbers, part after part of the images left out together."""
        chosen = sorted(self.pictures)
        shown = {n: chosen[n % len(chosen)] for n in range(SPOILT_IMAGES)}
        for without in zip(*(side.fitted.banks_without for side in self.sides), strict=True):
            inside = [image for image in without[0].images if image in self.pictures]
            numbers = [number for number, image in shown.items() if image in set(inside)]
            with ExitStack() as stack:
                readers = [
                    side.reader(bank) for side, bank in zip(self.sides, without, strict=True)
                ]
                for reader in readers:
                    stack.enter_context(reader.session)
                one = partial(self._one, shown, inside, readers)
                yield from zip(numbers, pool.map(one, numbers), strict=True)

    def _one(
        self,
        shown: Mapping[int, int],
        inside: Sequence[int],
        readers: Sequence[_Reader],
        number: int,
    ) -> _Example:
        rng = np.random.default_rng([self.seed, SPOILT, number])
        image, other = (
            self.pictures[index].astype(np.float32)
            for index in (shown[number], inside[int(rng.integers(len(inside)))])
        )
        spoilt = spoil(rng, image, other)
        found = _read(self.readings, [reader.multiples(spoilt.image) for reader in readers])
        return _Example(found, _shares(spoilt.mask, (found.shape[1], found.shape[2])))


def _read(readings: Session, multiples: Sequence[Grid]) -> Values:
    """What the head takes of the multiples by both banks, 2 x h x w."""
    of_first, of_finer = (grid[None] for grid in multiples)
    given = {"multiples": of_first, "finer/multiples": of_finer}
    found: Values = readings.run(["readings"], **given)[0][0]
    return found


def _shares(mask: NDArray[np.bool_], grid_hw: tuple[int, int]) -> Values:
    """The share of each cell that a mask covers."""
    height, width = grid_hw
    covered = Image.fromarray(mask.astype(np.float32))
    return np.array(covered.resize((width, height), Image.Resampling.BOX))
