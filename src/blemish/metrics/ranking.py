"""How well scores separate defects from good: AUROC, AP, F1-max, from exact counts.

All three depend on the defects' scores and on how many good scores lie above each of them, nothing
else. So the good scores (of pixels: nearly all there are) never have to be kept or sorted together:
they are counted block by block against the sorted scores of the defects.

Convention: higher = more anomalous; positive where score >= threshold; a defect is a positive.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

CURVE_POINTS = 400


@dataclass(frozen=True, eq=False)
class RankCounts:
    """Counts of positives and negatives at and above each of some distinct scores.

    Attributes:
        values: distinct scores of positives, rising; counts with the same values can be added.
        positives: how many positives have each value.
        above: how many negatives are greater.
        at_least: how many negatives are greater or equal.
        negatives: how many there are in all.
    """

    values: NDArray[np.float32]
    positives: NDArray[np.int64]
    above: NDArray[np.int64]
    at_least: NDArray[np.int64]
    negatives: int

    def __add__(self, other: RankCounts) -> RankCounts:
        return RankCounts(
            self.values,
            self.positives + other.positives,
            self.above + other.above,
            self.at_least + other.at_least,
            self.negatives + other.negatives,
        )


def distinct(positives: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The distinct scores of all positives, rising: what counts are made against."""
    blocks = list(positives)
    return np.unique(np.concatenate(blocks)) if blocks else np.empty(0, np.float32)


def count_ranks(
    values: NDArray[np.float32], positives: NDArray[np.float32], negatives: NDArray[np.float32]
) -> RankCounts:
    """Count a block of positives and a block of negatives against distinct values.

    Args:
        values: rising, and holding every score in `positives`.
        positives: raw scores in any order, of any sign and size.
        negatives: the same.

    Raises:
        ValueError: a score is not a number.
    """
    if np.isnan(positives).any() or np.isnan(negatives).any():
        raise ValueError("a score is not a number (NaN)")
    ordered = np.sort(negatives)
    return RankCounts(
        values,
        np.bincount(np.searchsorted(values, positives), minlength=len(values)),
        len(ordered) - np.searchsorted(ordered, values, side="right"),
        len(ordered) - np.searchsorted(ordered, values, side="left"),
        len(ordered),
    )


def rank(scores: ArrayLike, labels: ArrayLike) -> RankCounts:
    """Counts of a whole set of scores.

    Args:
        scores: N raw scores.
        labels: N, true for a defect.
    """
    values, defects = np.asarray(scores, np.float32), np.asarray(labels, np.bool_)
    return count_ranks(distinct([values[defects]]), values[defects], values[~defects])


def auroc(counts: RankCounts) -> float | None:
    """Area under the ROC curve: the chance that a defect scores above a good one, ties as half.

    `None` without positives or without negatives.
    """
    positives = int(counts.positives.sum())
    if not positives or not counts.negatives:
        return None
    below = counts.negatives - (counts.above + counts.at_least) / 2
    return float(np.dot(counts.positives, below) / (positives * counts.negatives))


def average_precision(counts: RankCounts) -> float | None:
    """Mean precision over the positives, tied scores taken together; `None` without positives."""
    positives = int(counts.positives.sum())
    if not positives:
        return None
    found = _found(counts)
    # Counts of one kind of defect have values of other kinds too, with nothing at or above them.
    precision = found / np.maximum(found + counts.at_least, 1)
    return float(np.dot(counts.positives, precision) / positives)


def f1_max(counts: RankCounts) -> tuple[float, float] | None:
    """The best F1 that any threshold gives, and the highest such threshold: a figure that peeks.

    Choosing the threshold looks at the labels it is measured on. `None` without positives.
    """
    positives = int(counts.positives.sum())
    if not positives:
        return None
    found = _found(counts)
    scores = 2 * found / (found + counts.at_least + positives)
    best = len(scores) - 1 - int(np.argmax(scores[::-1]))
    return float(scores[best]), float(counts.values[best])


def roc_curve(counts: RankCounts) -> tuple[list[float], list[float]] | None:
    """False-alarm rate and recall, rising from (0, 0) to (1, 1), thinned for drawing."""
    positives = int(counts.positives.sum())
    if not positives or not counts.negatives:
        return None
    alarms = counts.at_least[::-1] / counts.negatives
    recall = _found(counts)[::-1] / positives
    steps = np.linspace(0, len(alarms) - 1, min(CURVE_POINTS // 2, len(alarms))).round().astype(int)
    spread = np.searchsorted(alarms, np.linspace(0, 1, CURVE_POINTS // 2))
    kept = np.unique(np.concatenate([steps, np.minimum(spread, len(alarms) - 1)]))
    return [0.0, *alarms[kept].tolist(), 1.0], [0.0, *recall[kept].tolist(), 1.0]


def _found(counts: RankCounts) -> NDArray[np.int64]:
    """How many positives score at least each value."""
    found: NDArray[np.int64] = np.cumsum(counts.positives[::-1])[::-1]
    return found
