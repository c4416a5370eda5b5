"""What a threshold does: false alarms, misses, and the F1 that follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Above which scores an image is rejected and a pixel flagged; `None` where there is none."""

    image: float | None = None
    pixel: float | None = None


@dataclass(frozen=True)
class Decisions:
    """Counts of decisions at a threshold, of images or of pixels; they can be added."""

    caught: int = 0
    missed: int = 0
    false_alarms: int = 0
    passed: int = 0

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
        if not self.caught + self.missed:
            return None
        return 2 * self.caught / (2 * self.caught + self.false_alarms + self.missed)

    @property
    def false_alarm_rate(self) -> float | None:
        """Share of the good that is flagged; `None` without good."""
        good = self.false_alarms + self.passed
        return self.false_alarms / good if good else None

    @property
    def miss_rate(self) -> float | None:
        """Share of the defects that is not flagged; `None` without defects."""
        defects = self.caught + self.missed
        return self.missed / defects if defects else None


def decide(scores: ArrayLike, labels: ArrayLike, threshold: float) -> Decisions:
    """Count decisions; flagged is what scores above the threshold.

    Args:
        scores: raw scores of any shape.
        labels: of the same shape, true for a defect.
        threshold: calibrated, or set by a user.
    """
    flagged: NDArray[np.bool_] = np.asarray(scores) > threshold
    defects = np.asarray(labels, np.bool_)
    caught = int(np.count_nonzero(flagged & defects))
    defective, alarms = int(np.count_nonzero(defects)), int(np.count_nonzero(flagged))
    good = defects.size - defective
    return Decisions(caught, defective - caught, alarms - caught, good - (alarms - caught))
