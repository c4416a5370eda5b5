"""Thresholds and p-values from good pictures alone, with what they can and cannot promise.

Conformal prediction (Vovk et al., 2005): if a new good picture and the n calibration pictures are
exchangeable, the chance that it scores above the threshold is at most the rate that was asked for.
That is exact for pictures held out of the fit. Training pictures left out in parts come from models
that differ a little from the one that ships (cross-conformal); there the rate holds nearly, as
measured. No label of a test picture, and no defect, ever comes in here.

There are two thresholds, each with that rate of its own: one for the picture's score, which is the
verdict, and one for the largest value of its map, above which regions are shown. A good picture may
so be rejected without a region, or pass with one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blemish.errors import CalibrationError

DEFAULT_RATE = 0.01
SMALLEST_REGION_PX = 1


@dataclass(frozen=True, eq=False)
class Calibration:
    """Scores of good pictures that a model was not fitted on, and the thresholds they give.

    Attributes:
        method: how the scores were had: the training pictures left out (`5-fold`,
            `leave-one-out`), other pictures (`held out`), or some of each.
        scores: of the pictures, raw, rising.
        peaks: largest values of their maps, raw, rising.
        false_alarm_rate: the promised share of good pictures above a threshold.
        smallest_region_px: regions of fewer pixels are not shown.
    """

    method: str
    scores: NDArray[np.float64]
    peaks: NDArray[np.float64]
    false_alarm_rate: float
    smallest_region_px: int = SMALLEST_REGION_PX

    @property
    def image_threshold(self) -> float:
        """A picture is rejected where its score is greater."""
        return conformal_threshold(self.scores, self.false_alarm_rate)

    @property
    def pixel_threshold(self) -> float:
        """A pixel belongs to a region where its score is greater."""
        return conformal_threshold(self.peaks, self.false_alarm_rate)

    def p_value(self, score: float) -> float:
        """Conformal p-value of a picture's score: small where hardly a good picture scores so."""
        return p_value(self.scores, score)

    def to_dict(self) -> dict[str, Any]:
        """What a user wants to know of it, as plain JSON values, without the scores."""
        pictures = len(self.scores)
        return {
            "method": self.method,
            "pictures": pictures,
            "false_alarm_rate": self.false_alarm_rate,
            "lowest_rate": lowest_rate(pictures),
            "upper_bound_95": upper_bound(pictures, self.false_alarm_rate, confidence=0.95),
            "image_threshold": self.image_threshold,
            "pixel_threshold": self.pixel_threshold,
            "smallest_region_px": self.smallest_region_px,
        }


def calibrate(
    scores: ArrayLike,
    peaks: ArrayLike,
    *,
    method: str,
    false_alarm_rate: float | None = None,
    smallest_region_px: int = SMALLEST_REGION_PX,
) -> Calibration:
    """Find the thresholds for a false-alarm rate.

    Args:
        scores: of good pictures as if they were new, raw.
        peaks: the largest value of each one's map, raw.
        method: how they were had.
        false_alarm_rate: in (0, 1); by default 0.01, or the lowest rate that so many pictures can
            promise.
        smallest_region_px: regions of fewer pixels are not shown.

    Raises:
        CalibrationError: a score is not finite, or so few pictures cannot promise that rate.
    """
    ordered, ordered_peaks = (np.sort(np.asarray(values, np.float64)) for values in (scores, peaks))
    if not (np.isfinite(ordered).all() and np.isfinite(ordered_peaks).all()):
        raise CalibrationError("A score of a calibration picture is not a finite number.")
    if false_alarm_rate is None:
        false_alarm_rate = max(DEFAULT_RATE, lowest_rate(len(ordered)))
    check_rate(len(ordered), false_alarm_rate)
    if smallest_region_px < 1:
        raise CalibrationError(
            f"'smallest_region_px' must be at least 1; got {smallest_region_px}."
        )
    return Calibration(method, ordered, ordered_peaks, false_alarm_rate, smallest_region_px)


def lowest_rate(pictures: int) -> float:
    """The lowest false-alarm rate that so many good pictures can promise."""
    return 1 / (pictures + 1)


def pictures_needed(rate: float) -> int:
    """The fewest good pictures that can promise a false-alarm rate."""
    return math.ceil(round(1 / rate, 9)) - 1


def conformal_threshold(scores: ArrayLike, rate: float) -> float:
    """The lowest threshold with a p-value of at most `rate` for whatever scores above it.

    Args:
        scores: n of them, in any order.
        rate: in [1 / (n + 1), 1).
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    return float(ordered[len(ordered) - 1 - _exceedances(len(ordered), rate)])


def p_value(scores: ArrayLike, score: float) -> float:
    """(1 + how many of the n scores are at least as high) / (n + 1)."""
    values = np.asarray(scores, np.float64)
    return float(1 + np.count_nonzero(values >= score)) / (len(values) + 1)


def upper_bound(pictures: int, rate: float, *, confidence: float) -> float:
    """What the false-alarm rate stays under with some confidence over the draw of the pictures.

    The promised rate holds on average over calibration sets. For one set of held-out pictures, the
    rate above the threshold that leaves j of n scores above it is Beta(j + 1, n - j) distributed;
    this is that distribution's quantile. For pictures left out in parts it is a good guess.
    """
    above = _exceedances(pictures, rate)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        enough = 1 - _binomial_cdf(above, pictures, middle) >= confidence
        low, high = (low, middle) if enough else (middle, high)
    return high


def check_rate(pictures: int, rate: float) -> None:
    """Raise `CalibrationError` where so many pictures cannot promise a rate."""
    if not 0 < rate < 1:
        raise CalibrationError(f"'false_alarm_rate' must be in (0, 1); got {rate:g}.")
    if rate < lowest_rate(pictures) - 1e-12:
        raise CalibrationError(
            f"A false-alarm rate of {rate:g} takes at least {pictures_needed(rate)} good pictures; "
            f"there are {pictures}, which can promise {lowest_rate(pictures):.2g} at the lowest."
        )


def _exceedances(pictures: int, rate: float) -> int:
    """How many calibration scores may lie above the threshold."""
    return math.floor(rate * (pictures + 1) + 1e-9) - 1


def _binomial_cdf(successes: int, trials: int, chance: float) -> float:
    """P(X <= successes) for X of `trials` with `chance` each."""
    if chance <= 0 or chance >= 1:
        return float(chance <= 0 or successes >= trials)
    logs = [
        math.lgamma(trials + 1)
        - math.lgamma(i + 1)
        - math.lgamma(trials - i + 1)
        + i * math.log(chance)
        + (trials - i) * math.log1p(-chance)
        for i in range(successes + 1)
    ]
    return min(1.0, math.fsum(math.exp(value) for value in logs))
