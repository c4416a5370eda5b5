"""What is usual of scores and maps, so that those of different detectors can be averaged.

A score is told as how many deviations it lies above the mean of good images that were left out;
so is each value of a map, by mean and deviation of all values of such images' maps. Two or three
scores may be alike by chance, so their deviation is at least a quarter of that of the maps, which
of many images it always is. An image has no say in what it is told by: it takes the others', and
never less than what all of them give.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.position import NO_SPREAD, TINY
from blemish.errors import CalibrationError

FEWEST = 4  # images that are left out: fewer tell nothing of what is usual without one of them
FLOOR = 0.25  # of the deviation of maps, the least that scores are told by

Values = TypeVar("Values", float, NDArray[np.float32])


@dataclass(frozen=True)
class Line:
    """What a value is told by: (value - mean) / unit."""

    mean: float
    unit: float

    def told(self, value: Values) -> Values:
        """The value, or values, so told."""
        return (value - self.mean) / self.unit


@dataclass(frozen=True)
class Scale:
    """What scores and maps of a detector are told by."""

    score: Line
    map: Line


AS_IT_IS = Scale(Line(0.0, 1.0), Line(0.0, 1.0))


def check_enough(keys: Collection[str]) -> None:
    """Raise `CalibrationError` where too few images were left out by all members."""
    if len(keys) < FEWEST:
        raise CalibrationError(
            f"Scoring images as if they were new takes at least {FEWEST} that all members leave "
            "out and that do not belong together; give more images, or have members leave out "
            "more of them ('member_settings')."
        )


class Scales:
    """Sums over left-out images, from which each image's scale is made.

    Args:
        scores: of each image by its name.
        maps: count, sum and sum of squares of each one's map.
        keys: of each image; those of one key belong together, and there are several.
    """

    def __init__(
        self, scores: Mapping[str, float], maps: Mapping[str, Sums], keys: Mapping[str, str]
    ) -> None:
        self._names = list(scores)
        self._keys = np.array([keys[name] for name in scores])
        ones = [(1.0, scores[name], scores[name] ** 2) for name in scores]
        self._sums = np.array([[one, maps[name]] for name, one in zip(scores, ones, strict=True)])
        self.all = _scale(self._sums)

    def of(self, name: str) -> tuple[Scale, Scale]:
        """By the images that do not belong to one, and by all."""
        others = self._keys != self._keys[self._names.index(name)]
        return _scale(self._sums[others]), self.all


Sums = tuple[float, float, float]


def sums_of(values: NDArray[np.float32]) -> Sums:
    """Count, sum and sum of squares."""
    wide = values.astype(np.float64)
    return float(wide.size), float(wide.sum()), float((wide**2).sum())


def told(scales: Scales, name: str, score: float, score_map: NDArray[np.float32]) -> Judged:
    """Score and map of an image that was left out, no lower than the model that ships has them."""
    both: Sequence[Scale] = scales.of(name)
    return (
        max(scale.score.told(score) for scale in both),
        np.maximum(*(scale.map.told(score_map) for scale in both)).astype(np.float32),
    )


Judged = tuple[float, NDArray[np.float32]]


def _scale(sums: NDArray[np.float64]) -> Scale:
    of_scores, of_maps = sums.sum(axis=0)
    maps = _line(*of_maps, least=0.0)
    return Scale(_line(*of_scores, least=FLOOR * maps.unit), maps)


def _line(count: float, total: float, squares: float, *, least: float) -> Line:
    mean = total / count
    deviation = np.sqrt(max(squares / count - mean**2, 0.0))
    return Line(mean, float(max(deviation, least, NO_SPREAD * abs(mean), TINY)))
