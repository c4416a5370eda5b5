"""Scores that know where they are: how far each lies above what good images score at its place.

At borders neighbourhoods are cut and padded, and good patches look odd. So a score is told as
(score - mean) / (deviation + a quarter of the mean deviation), with mean and deviation of good
images at that place. It then has no unit: 0 is usual, 1 a good deviation above.

A place is how far a cell is from the nearest border: cells equally far make a ring. What is usual
in a ring is known from images that were left out of what judged them; a few are enough, and their
grids may be of any size.

Convention: grids are h x w, the part that shows the image; a cell at the border is 0 from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.contract import Told
from blemish.graph.builder import FLOAT, INT64, GraphBuilder

RINGS = 9  # that are told apart; the last is all that is 8 cells from the border, or more
FLOOR = 0.25  # of the mean deviation, added to all: a calm place is no reason to shout
NO_SPREAD = 1e-6  # of the mean: rounding, and nothing else
TINY = 1e-12
NOT_KNOWN = (
    "Scores stay as they are: to tell them by their place ('normalisation') takes 2 images at "
    "least that can be left out and do not belong together."
)

Grid = NDArray[np.float32]
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Usual:
    """What good images score in each ring.

    Attributes:
        mean: of the scores.
        scale: what a difference to it is multiplied with.
        images: that it was learned from.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    images: int

    def told(self, grid: Grid) -> Grid:
        """Scores by their place; twin of `told_by_place`."""
        rings = rings_of(grid.shape)
        return (grid - self.mean[rings]) * self.scale[rings]


def told_of(usual: Usual | None) -> list[Told]:
    """The same for people."""
    if usual is None:
        return []
    return [("normalisation", f"by distance from the border, as {usual.images:,} images have it")]


def details_of(usual: Usual | None) -> dict[str, Any]:
    """The same for programs."""
    if usual is None:
        return {"usual": None}
    units = 1 / usual.scale.astype(np.float64)
    rings = {"mean": usual.mean.tolist(), "unit": units.tolist()}
    return {"usual": {"images": usual.images, "rings": rings}}


class LeftOut:
    """Grids of scores of images that were left out, and what is usual without each of them.

    Attributes:
        grids: the images' scores, h x w each.
        keys: of the images; those of one key belong together, and there are at least two.
        floor: how much of the mean deviation is added to that of each ring; `None` for scores that
            are distances, to be told as multiples of what is usual.
        usual: what all of them score.
    """

    def __init__(
        self, grids: Sequence[Grid], keys: Sequence[str], *, floor: float | None = FLOOR
    ) -> None:
        self.grids, self.keys, self._floor = grids, keys, floor
        self._of_each = np.stack([_sums(grid) for grid in grids])  # N x 3 x rings
        self.usual = _usual(self._of_each, floor)

    def told(self, image: int) -> Grid:
        """The scores of an image by what is usual in those that do not belong to it.

        No score is lower than by what is usual in all images, so that none of them looks better
        than it does to the model that ships.
        """
        others = np.array([key != self.keys[image] for key in self.keys])
        grid, by_others = self.grids[image], _usual(self._of_each[others], self._floor)
        return np.maximum(by_others.told(grid), self.usual.told(grid))


def rings_of(size_hw: Sequence[int]) -> NDArray[np.intp]:
    """Which ring each cell of a grid is in, h x w."""
    down, across = (
        np.minimum(cells, cells[::-1]) for cells in (np.arange(length) for length in size_hw)
    )
    return np.minimum(np.minimum(down[:, None], across), RINGS - 1)


def told_by_place(
    g: GraphBuilder, grid: str, usual: Usual, inside_hw: str, *, name: str = "deviations"
) -> str:
    """Nodes from scores (N x h x w) to scores by their place; twin of `Usual.told`.

    Args:
        g: where to add them.
        grid: name of the scores.
        usual: what is usual.
        inside_hw: name of how many rows and columns show the image, a vector of two floats.
        name: of what it gives.
    """
    shape = g.op("Cast", g.op("Shape", grid), to=FLOAT)

    def from_border(axis: int) -> str:
        cells = g.op("Gather", shape, g.constant(axis + 1, np.int64))
        inside = g.op("Gather", inside_hw, g.constant(axis, np.int64))
        before = g.op("Range", g.number(0.0), cells, g.number(1.0))
        behind = g.op("Sub", g.op("Sub", inside, g.number(1.0)), before)
        return g.op("Max", g.op("Min", before, behind), g.number(0.0))  # padding is at the border

    down = g.op("Unsqueeze", from_border(0), g.ints(1))
    nearest = g.op("Min", g.op("Min", down, from_border(1)), g.number(RINGS - 1))
    rings = g.op("Cast", nearest, to=INT64)
    mean, scale = (g.op("Gather", g.constant(v), rings) for v in (usual.mean, usual.scale))
    return g.op("Mul", g.op("Sub", grid, mean), scale, name=name)


def _sums(grid: Grid) -> Array:
    """How many scores each ring has, their sum, and that of their squares: 3 x rings."""
    rings, scores = rings_of(grid.shape).ravel(), grid.astype(np.float64).ravel()
    return np.stack(
        [np.bincount(rings, one, RINGS) for one in (np.ones_like(scores), scores, scores**2)]
    )


def _usual(of_each: Array, floor: float | None) -> Usual:
    """What is usual in images with those sums; a ring that none reaches is as the next outwards."""
    sums = of_each.sum(axis=0)
    reached = np.maximum.accumulate(np.where(sums[0] > 0, np.arange(RINGS), 0))
    count, total, squares = sums[:, reached]
    mean = total / count
    if floor is None:  # a calm ring is no reason to shout: its unit is that of the whole
        unit = np.maximum(mean, max(sums[1].sum() / sums[0].sum(), TINY))
        return Usual(np.zeros(RINGS, np.float32), (1 / unit).astype(np.float32), len(of_each))
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    spread = floor * np.average(deviation, weights=sums[0])
    spread = max(spread, NO_SPREAD * np.abs(mean).max(), TINY)
    scale = 1 / (deviation + spread)
    return Usual(mean.astype(np.float32), scale.astype(np.float32), len(of_each))
