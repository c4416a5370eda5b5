"""What is 0 and what is 0.1 in a map: quantiles of good images' maps, comparable among nets.

In the paper nets are trained once, and the quantiles are those over the maps of held-out images.
Where images are left out in parts there are several nets. Some end with larger differences than
others, by luck and by the number of images they saw, so one net's maps cannot be measured by
another's. Hence two steps, the same for every net, whether it ships or not:

1. A net's maps are put on its own scale, by the quantiles over images that it was trained on.
2. The quantiles over all left-out maps, each on the scale of the net that made it, become 0 and
   0.1.

A left-out image has no say in its own net's scale, and all have the same in what they share. So
its score is what a new image's is under the nets that ship. (Quantiles of each part's own
left-out images would not do: a part of few would flatten its own largest values, and left-out
scores would be lower than those of new images.) With nets trained once, both steps together are
the paper's quantiles: scales cancel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NO_SPAN = 1e-6  # between quantiles, relative to the higher one: rounding, and nothing else
TINY = 1e-30


@dataclass(frozen=True)
class Span:
    """Two quantiles of the values of a map."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """From low to high, never 0."""
        return max(self.high - self.low, NO_SPAN * abs(self.high), TINY)

    def place(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Values with low at 0 and high at 1."""
        placed: NDArray[np.float64] = (values.astype(np.float64) - self.low) / self.width
        return placed

    def inside(self, relative: Span) -> Span:
        """What a span that was found among placed values is among the values themselves."""
        return Span(*(self.low + end * self.width for end in (relative.low, relative.high)))


# What becomes 0 and 0.1 in the map of each branch.
Quantiles = dict[str, Span]


@dataclass(frozen=True, eq=False)
class Maps:
    """Raw maps of some images by one round's nets.

    Attributes:
        positions: of the images, N.
        values: of each branch, N of h x w each.
    """

    positions: list[int]
    values: Mapping[str, Sequence[NDArray[np.float32]]]

    def quantiles(self, low: float, high: float) -> Quantiles:
        """Quantiles over all cells of all images together."""
        return {branch: _span(_flat(maps), low, high) for branch, maps in self.values.items()}

    def placed(self, scale: Quantiles) -> dict[str, NDArray[np.float64]]:
        """Values on a scale, those of all maps in one row."""
        return {branch: scale[branch].place(_flat(maps)) for branch, maps in self.values.items()}


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of the nets of one round: maps of images they saw, and of those left out."""

    seen: Maps
    left_out: Maps | None


def common_scale(rounds: Sequence[Measured], low: float, high: float) -> list[Quantiles]:
    """The quantiles of each round's nets, such that their maps can be compared.

    Args:
        rounds: in any order. Where none left an image out, those seen stand for it.
        low: share of the values that are at or below what becomes 0.
        high: share of those at or below what becomes 0.1.
    """
    own = [one.seen.quantiles(low, high) for one in rounds]
    new = [
        one.left_out.placed(scale) for one, scale in zip(rounds, own, strict=True) if one.left_out
    ]
    placed = new or [one.seen.placed(scale) for one, scale in zip(rounds, own, strict=True)]
    shared = {
        branch: _span(np.concatenate([values[branch] for values in placed]), low, high)
        for branch in placed[0]
    }
    return [
        {branch: span.inside(shared[branch]) for branch, span in scale.items()} for scale in own
    ]


def _flat(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate([values.ravel() for values in maps])


def _span(values: NDArray[Any], low: float, high: float) -> Span:
    return Span(*(float(v) for v in np.quantile(values.astype(np.float64), (low, high))))
