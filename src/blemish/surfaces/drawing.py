"""Surfaces drawn by code: tile, leather and grid, good and with defects, with exact masks.

They stand in for real images where there are none: to try blemish, to test it, to show it. What
is measured on them says little of real parts. Each image depends on its own words alone
(category, split, kind, number, seed, size, difficulty), never on another image.

In the likeness of the categories of MVTec AD of the same names (Bergmann et al., CVPR 2019).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from blemish.errors import SettingError, did_you_mean, raise_all
from blemish.result import GOOD
from blemish.surfaces.fields import Field, Mask, finished, stream
from blemish.surfaces.grid import OVERLAYS, WIRE_DEFECTS, draw_grid, spoil_grid
from blemish.surfaces.leather import LEATHER_DEFECTS, draw_leather
from blemish.surfaces.strength import Mark, Strength
from blemish.surfaces.tile import TILE_DEFECTS, draw_tile

VERSION = 1  # of the drawing code: to be raised by every change that changes an image
SIZE_PX, DIFFICULTY = 512, 0.5
TRAIN_GOOD, TEST_GOOD, DEFECTS_A_TYPE = 200, 40, 12
SMALLEST_PX, LARGEST_PX = 64, 4096
Split = Literal["train", "test"]

_Good = Callable[[np.random.Generator, int], Field]
_Spoil = Callable[[np.random.Generator, Field, Strength], Mask]
_Spoilt = Callable[[np.random.Generator, int, Mark], tuple[Field, Mask]]


def _spoil_on_top(
    good: _Good,
    defects: Mapping[str, _Spoil],
    rng: np.random.Generator,
    size_px: int,
    mark: Mark,
) -> tuple[Field, Mask]:
    image = good(rng, size_px)
    mask = np.zeros((size_px, size_px), bool)
    for _ in range(mark.strength.count):
        mask |= defects[mark.defect_type](mark.rng, image, mark.strength)
    return image, mask


_KINDS: dict[str, tuple[_Good, _Spoilt]] = {
    "tile": (draw_tile, partial(_spoil_on_top, draw_tile, TILE_DEFECTS)),
    "leather": (draw_leather, partial(_spoil_on_top, draw_leather, LEATHER_DEFECTS)),
    "grid": (draw_grid, spoil_grid),
}

SURFACES: Mapping[str, tuple[str, ...]] = {
    "tile": tuple(TILE_DEFECTS),
    "leather": tuple(LEATHER_DEFECTS),
    "grid": (*WIRE_DEFECTS, *OVERLAYS),
}
"""The categories, with their defect types."""


@dataclass(frozen=True)
class Drawing:
    """An image that is still to be drawn.

    Attributes:
        category: a name in `SURFACES`.
        split: `train` or `test`.
        kind: a defect type of the category, or `good`.
        number: which one, from 0.
        seed: another seed, another image.
        size_px: height and width.
        difficulty: of the defects, 0 (obvious) to 1 (faint). Good images do not depend on it.

    Raises:
        SettingError: one of them is not allowed; all problems are told at once.
    """

    category: str
    split: Split
    kind: str
    number: int
    seed: int = 0
    size_px: int = SIZE_PX
    difficulty: float = DIFFICULTY

    def __post_init__(self) -> None:
        raise_all([*self._unknown(), *self._outside()], SettingError)

    @property
    def id(self) -> str:
        """Path of the image in the layout of MVTec AD, below the category."""
        return f"{self.split}/{self.kind}/{self.number:03}.png"

    @property
    def mask_id(self) -> str:
        """Path of its mask in that layout."""
        return f"ground_truth/{self.kind}/{self.number:03}_mask.png"

    @property
    def sha256(self) -> str:
        """Hash of all that determines the image, the drawing code's version included."""
        words = {**asdict(self), "version": VERSION}
        if self.kind == GOOD:
            del words["difficulty"]
        return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()

    def draw(self) -> tuple[NDArray[np.uint8], Mask]:
        """The image, H x W x 3, and which of its pixels are defective, H x W."""
        good, spoilt = _KINDS[self.category]
        rng = self._stream("surface")
        if self.kind == GOOD:
            return finished(good(rng, self.size_px)), np.zeros((self.size_px, self.size_px), bool)
        chance = self._stream("mark")
        mark = Mark(self.kind, Strength.drawn(chance, self.difficulty), chance)
        image, mask = spoilt(rng, self.size_px, mark)
        return finished(image), mask

    def _stream(self, purpose: Literal["surface", "mark"]) -> np.random.Generator:
        return stream(purpose, self.category, self.split, self.kind, self.number, self.seed)

    def _unknown(self) -> list[str]:
        if self.category not in SURFACES:
            return [_unknown_category(self.category)]
        kinds = (GOOD, *SURFACES[self.category])
        if self.kind not in kinds:
            return [
                f"'{self.category}' has no defect type '{self.kind}'; it has "
                f"{', '.join(kinds[1:])}.{did_you_mean(self.kind, kinds)}"
            ]
        return []

    def _outside(self) -> list[str]:
        problems = []
        if self.number < 0:
            problems.append(f"'number' must be 0 or more; got {self.number}.")
        if not SMALLEST_PX <= self.size_px <= LARGEST_PX:
            limits = f"[{SMALLEST_PX}, {LARGEST_PX}]"
            problems.append(f"'size_px' must be in {limits}; got {self.size_px}.")
        if not 0 <= self.difficulty <= 1:
            problems.append(f"'difficulty' must be in [0, 1]; got {self.difficulty!r}.")
        return problems


def draw_good(
    category: str, number: int, *, seed: int = 0, size_px: int = SIZE_PX, split: Split = "train"
) -> NDArray[np.uint8]:
    """A good image, H x W x 3. Raises `SettingError`; see `Drawing` for the arguments."""
    return Drawing(category, split, GOOD, number, seed, size_px).draw()[0]


def draw_defect(
    category: str,
    defect_type: str,
    number: int,
    *,
    seed: int = 0,
    size_px: int = SIZE_PX,
    difficulty: float = DIFFICULTY,
) -> tuple[NDArray[np.uint8], Mask]:
    """An image with a defect, H x W x 3, and its mask, H x W, True where it is defective.

    Raises:
        SettingError: an argument is not allowed; see `Drawing`.
    """
    return Drawing(category, "test", defect_type, number, seed, size_px, difficulty).draw()


def drawings(
    category: str,
    *,
    good: int = TRAIN_GOOD,
    test_good: int = TEST_GOOD,
    defects_a_type: int = DEFECTS_A_TYPE,
    size_px: int = SIZE_PX,
    seed: int = 0,
    difficulty: float = DIFFICULTY,
) -> list[Drawing]:
    """All images of a category, sorted by id.

    Raises:
        SettingError: the category is unknown, there is no good image to learn from, or another
            argument is not allowed.
    """
    counts = {"good": (good, 1), "test_good": (test_good, 0), "defects_a_type": (defects_a_type, 0)}
    problems = [
        f"'{name}' must be {least} or more; got {count}."
        for name, (count, least) in counts.items()
        if count < least
    ]
    if category not in SURFACES:
        problems.append(_unknown_category(category))
    raise_all(problems, SettingError)
    wanted: list[tuple[Split, str, int]] = [("train", GOOD, good), ("test", GOOD, test_good)]
    wanted += [("test", kind, defects_a_type) for kind in SURFACES[category]]
    every = [
        Drawing(category, split, kind, number, seed, size_px, difficulty)
        for split, kind, count in wanted
        for number in range(count)
    ]
    return sorted(every, key=lambda drawing: drawing.id)


def _unknown_category(name: str) -> str:
    near = did_you_mean(name, SURFACES)
    return f"There is no drawn surface '{name}'; there are {', '.join(SURFACES)}.{near}"
