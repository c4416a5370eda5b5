"""Conformal thresholds and p-values: what n good images can promise, with nothing assumed.

If a new good image and the n calibration images are exchangeable, each place of the new score
among the n + 1 is as likely as any other. So the chance that it lands above the threshold is at
most the rate that was asked for, whatever the scores' distribution (Vovk, Gammerman and Shafer,
"Algorithmic Learning in a Random World", 2005).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from blemish.binomial import rate_at_most
from blemish.errors import CalibrationError

RATES = {"false_alarm_rate": "false-alarm rate", "region_rate": "region rate"}


def lowest_rate(images: int) -> float:
    """The lowest false-alarm rate that so many good images can promise."""
    return 1 / (images + 1)


def images_needed(rate: float) -> int:
    """The fewest good images that can promise a false-alarm rate."""
    return math.ceil(round(1 / rate, 9)) - 1


def exceedances(images: int, rate: float) -> int:
    """How many of the calibration scores may lie above the threshold for a rate."""
    return math.floor(rate * (images + 1) + 1e-9) - 1


def conformal_threshold(scores: ArrayLike, rate: float) -> float:
    """The lowest threshold with a p-value of at most `rate` for whatever scores above it.

    Args:
        scores: n of them, in any order.
        rate: in [1 / (n + 1), 1).
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    return float(ordered[len(ordered) - 1 - exceedances(len(ordered), rate)])


def p_value(scores: ArrayLike, score: float) -> float:
    """(1 + how many of the n scores are at least as high) / (n + 1)."""
    values = np.asarray(scores, np.float64)
    return float(1 + np.count_nonzero(values >= score)) / (len(values) + 1)


def upper_bound(images: int, rate: float, *, confidence: float) -> float:
    """What the false-alarm rate stays under with some confidence over the draw of the images.

    The promised rate holds on average over calibration sets. For one set of held-out images, the
    rate above the threshold that leaves j of n scores above it is Beta(j + 1, n - j) distributed;
    this is that distribution's quantile. For images left out in parts it is a good guess.
    """
    return rate_at_most(exceedances(images, rate), images, confidence=confidence)


def check_rate(images: int, rate: float, *, name: str = "false_alarm_rate") -> None:
    """Raise `CalibrationError` where so many images cannot promise a rate, given as `name`."""
    check_share(rate, name=name)
    if not promises(images, rate):
        raise CalibrationError(
            f"A {RATES[name]} of {rate:g} takes at least {images_needed(rate)} good images; "
            f"there are {images}, which can promise {lowest_rate(images):.2g} at the lowest."
        )


def promises(images: int, rate: float) -> bool:
    """Whether so many good images can promise a rate."""
    return rate >= lowest_rate(images) - 1e-12


def check_share(rate: float, *, name: str) -> None:
    """Raise `CalibrationError` where a rate is none."""
    if not 0 < rate < 1:
        raise CalibrationError(f"'{name}' must be in (0, 1); got {rate:g}.")
