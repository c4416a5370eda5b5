"""What a threshold does: false alarms, misses, and the figures that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blemish.metrics.formulas import Numbers, known

Count = Any  # a whole number; of many draws at once, an array of them


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Above which scores an image is rejected and a pixel flagged; `None` where there is none."""

    image: float | None = None
    pixel: float | None = None


@dataclass(frozen=True)
class Decisions:
    """Counts of decisions at a threshold, of images or of pixels; they can be added.

    Without a threshold all are 0, and what follows from them is undefined.
    """

    caught: Count = 0
    missed: Count = 0
    false_alarms: Count = 0
    passed: Count = 0

    def __add__(self, other: Decisions) -> Decisions:
        return Decisions(
            self.caught + other.caught,
            self.missed + other.missed,
            self.false_alarms + other.false_alarms,
            self.passed + other.passed,
        )

    @property
    def f1(self) -> float | None:
        """2 caught / (2 caught + false alarms + missed); `None` without defects."""
        return known(f1, self)

    @property
    def false_alarm_rate(self) -> float | None:
        """Share of the good that is flagged; `None` without good."""
        return known(false_alarm_rate, self)

    @property
    def miss_rate(self) -> float | None:
        """Share of the defects that is not flagged; `None` without defects."""
        return known(miss_rate, self)


def f1(counts: Decisions) -> Numbers:
    """`Decisions.f1`, of many draws at once; not a number where undefined."""
    caught, missed = counts.caught, counts.missed
    score = np.divide(2 * caught, 2 * caught + counts.false_alarms + missed)
    return np.where(np.add(caught, missed), score, np.nan)


def false_alarm_rate(counts: Decisions) -> Numbers:
    """`Decisions.false_alarm_rate`, of many draws at once; not a number where undefined."""
    rate: Numbers = np.divide(counts.false_alarms, counts.false_alarms + counts.passed)
    return rate


def miss_rate(counts: Decisions) -> Numbers:
    """`Decisions.miss_rate`, of many draws at once; not a number where undefined."""
    rate: Numbers = np.divide(counts.missed, counts.caught + counts.missed)
    return rate


def balanced_accuracy(counts: Decisions) -> Numbers:
    """The mean share of good and of defects that are judged rightly, of many draws at once.

    Not a number without good or without defects.
    """
    accuracy: Numbers = 1 - (false_alarm_rate(counts) + miss_rate(counts)) / 2
    return accuracy


def decide(
    scores: ArrayLike, labels: ArrayLike, threshold: float, *, rejected: ArrayLike = False
) -> Decisions:
    """Count decisions; flagged is what scores above the threshold.

    Args:
        scores: raw scores of any shape.
        labels: of the same shape, true for a defect.
        threshold: calibrated, or set by a user.
        rejected: of the same shape, true for what is flagged whatever it scores; by default none.
    """
    flagged: NDArray[np.bool_] = (np.asarray(scores) > threshold) | np.asarray(rejected, np.bool_)
    defects = np.asarray(labels, np.bool_)
    caught = int(np.count_nonzero(flagged & defects))
    defective, alarms = int(np.count_nonzero(defects)), int(np.count_nonzero(flagged))
    good = defects.size - defective
    return Decisions(caught, defective - caught, alarms - caught, good - (alarms - caught))
