"""How well scores separate defects from good: AUROC, AP, F1-max, recall, from exact counts.

All depend on the defects' scores and on how many good scores lie above each of them, nothing else.
So the good scores (of pixels: nearly all there are) never have to be kept or sorted together: they
are counted block by block against the sorted scores of the defects.

Convention: higher = more anomalous; positive where score >= threshold; a defect is a positive.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blemish.metrics import formulas
from blemish.metrics.formulas import Ranks, known

Scores = NDArray[np.floating[Any]]

CURVE_POINTS = 400


@dataclass(frozen=True, eq=False, kw_only=True)
class RankCounts(Ranks):
    """Counts of positives and negatives at and above each of some distinct scores.

    Attributes:
        values: distinct scores of positives, rising, 32-bit floats (of pixels) or 64-bit ones;
            counts with the same values can be added.
    """

    values: Scores

    def __add__(self, other: RankCounts) -> RankCounts:
        return RankCounts(
            values=self.values,
            positives=self.positives + other.positives,
            above=self.above + other.above,
            at_least=self.at_least + other.at_least,
            negatives=self.negatives + other.negatives,
        )

    @property
    def defined(self) -> bool:
        """Whether there are positives and negatives."""
        return bool(self.positives.any()) and self.negatives > 0


def as_scores(scores: ArrayLike) -> Scores:
    """Scores of images, 32-bit floats as they are, anything else as 64-bit floats.

    Scores of other tools may differ by less than 32 bits tell: near 1, say, after a sigmoid.
    """
    values = np.asarray(scores)
    return values if values.dtype == np.float32 else values.astype(np.float64)


def distinct(positives: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The distinct scores of all positives, rising: what counts are made against."""
    blocks = list(positives)
    return np.unique(np.concatenate(blocks)) if blocks else np.empty(0, np.float32)


def count_below(ordered: Scores, values: Scores) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many of some scores are less than, and at most, each of some values.

    Args:
        ordered: scores, rising.
        values: rising, a stretch of a few thousand at a time being fastest.
    """
    if not len(values):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    first = int(ordered.searchsorted(values[0]))
    last = int(ordered.searchsorted(values[-1], side="right"))
    near = ordered[first:last]
    less = near.searchsorted(values)
    at_most = less.copy()
    if len(near):  # few values are tied with a score: only these are searched for again
        tied = np.flatnonzero(near[np.minimum(less, len(near) - 1)] == values)
        at_most[tied] = near.searchsorted(values[tied], side="right")
    return less + first, at_most + first


def count_ranks(values: Scores, positives: Scores, negatives: Scores) -> RankCounts:
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
    less, at_most = count_below(np.sort(negatives), values)
    return RankCounts(
        values=values,
        positives=np.bincount(np.searchsorted(values, positives), minlength=len(values)),
        above=negatives.size - at_most,
        at_least=negatives.size - less,
        negatives=negatives.size,
    )


def rank(scores: ArrayLike, labels: ArrayLike) -> RankCounts:
    """Counts of a whole set of scores.

    Args:
        scores: N raw scores.
        labels: N, true for a defect.
    """
    values, defects = as_scores(scores), np.asarray(labels, np.bool_)
    return count_ranks(np.unique(values[defects]), values[defects], values[~defects])


def auroc(counts: RankCounts) -> float | None:
    """Area under the ROC curve: the chance that a defect scores above a good one, ties as half.

    `None` without positives or without negatives.
    """
    return known(formulas.auroc, counts)


def average_precision(counts: RankCounts) -> float | None:
    """Mean precision over the positives, tied scores taken together; `None` without positives."""
    return known(formulas.average_precision, counts)


def f1_max(counts: RankCounts) -> tuple[float, float] | None:
    """The best F1 that any threshold gives, and the highest such threshold: a figure that peeks.

    Choosing the threshold looks at the labels it is measured on. `None` without positives.
    """
    if not counts.positives.any():
        return None
    scores = formulas.f1_of_each(counts)
    best = len(scores) - 1 - int(np.argmax(scores[::-1]))
    return float(scores[best]), float(counts.values[best])


def recall_within(counts: RankCounts, rate: float) -> float | None:
    """Share of the positives found where at most this share of the negatives is flagged.

    The threshold is the lowest that flags no more than floor(rate x negatives) of them: at rate 0,
    found is what scores higher than all negatives. It peeks, as F1-max does. `None` without
    positives or without negatives.
    """
    return known(formulas.recall_within, counts, rate)


def roc_curve(counts: RankCounts) -> tuple[list[float], list[float]] | None:
    """False-alarm rate and recall, rising from (0, 0) to (1, 1), thinned for drawing."""
    if not counts.defined:
        return None
    return thinned_curve(counts, counts.positives)


def thinned_curve(counts: RankCounts, weights: NDArray[Any]) -> tuple[list[float], list[float]]:
    """Share of the negatives flagged, and of the positives' weight, for drawing.

    Args:
        counts: of positives and negatives.
        weights: of all positives of each value.
    """
    alarms = counts.at_least[::-1] / counts.negatives
    found = np.cumsum(weights[::-1])
    steps = np.linspace(0, len(alarms) - 1, min(CURVE_POINTS // 2, len(alarms))).round().astype(int)
    spread = np.searchsorted(alarms, np.linspace(0, 1, CURVE_POINTS // 2))
    kept = np.unique(np.concatenate([steps, np.minimum(spread, len(alarms) - 1)]))
    return [0.0, *alarms[kept].tolist(), 1.0], [0.0, *(found[kept] / found[-1]).tolist(), 1.0]
