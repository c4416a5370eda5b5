"""The formulas behind the figures, on the last axis: for one set of counts, or many draws at once.

Every figure here is a sum over the scores of positives, rising: how many positives have a score,
times what a positive of that score adds. A figure is not a number where it is undefined; `known`
makes `None` of that.

Convention: arrays are ... x V, of V scores rising; `above` and `at_least` count the negatives whose
score is greater, or greater or equal, or give their rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class Ranks:
    """How positives and negatives rank: of one set, or of many draws of it.

    Attributes:
        positives: ... x V, how many positives have each of V scores.
        above: ... x V, how many negatives are greater.
        at_least: ... x V, how many negatives are greater or equal.
        negatives: ..., how many there are in all.
    """

    positives: Numbers
    above: Numbers
    at_least: Numbers
    negatives: Any


def known(formula: Callable[..., Numbers], *arguments: Any) -> float | None:
    """What a formula gives for one set of counts; `None` where that is undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(formula(*arguments))
    return None if math.isnan(value) else value


def from_the_top(counts: Numbers) -> Numbers:
    """How many score at least each value."""
    summed: Numbers = np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1]
    return summed


def next_above(at_least: Numbers) -> Numbers:
    """How many score more than each value, from how many score at least each value."""
    above = np.zeros_like(at_least)
    above[..., :-1] = at_least[..., 1:]
    return above


def auroc(ranks: Ranks) -> Numbers:
    """1 - the chance that a negative scores above a positive, ties as half."""
    worse = (_dot(ranks.positives, ranks.above) + _dot(ranks.positives, ranks.at_least)) / 2
    area: Numbers = 1 - worse / (ranks.positives.sum(axis=-1) * ranks.negatives)
    return area


def average_precision(ranks: Ranks) -> Numbers:
    """Mean precision over the positives, tied scores taken together."""
    found = from_the_top(ranks.positives)
    # A value that none of these positives has may lie above all scores there are.
    precision = found / np.maximum(found + ranks.at_least, 1)
    mean: Numbers = _dot(ranks.positives, precision) / ranks.positives.sum(axis=-1)
    return mean


def f1_of_each(ranks: Ranks) -> Numbers:
    """2 caught / (2 caught + false alarms + missed) where each value is the threshold."""
    return f_beta_of_each(ranks, 1)


def f_beta_of_each(ranks: Ranks, beta: float) -> Numbers:
    """F-beta where each value is the threshold: recall counts `beta` times as much as precision.

    With b = beta squared, (1 + b) caught / ((1 + b) caught + false alarms + b missed) (van
    Rijsbergen, 1979).
    """
    found, weight = from_the_top(ranks.positives), beta * beta
    all_of_them = ranks.positives.sum(axis=-1, keepdims=True)
    score: Numbers = found / (found + ranks.at_least + weight * all_of_them)
    score *= 1 + weight
    return score


def f1_max(ranks: Ranks) -> Numbers:
    """The best F1 of all thresholds."""
    return f_beta_max(ranks, 1)


def f_beta_max(ranks: Ranks, beta: float) -> Numbers:
    """The best F-beta of all thresholds."""
    best = f_beta_of_each(ranks, beta).max(axis=-1, initial=0.0)
    return np.where(ranks.positives.any(axis=-1), best, np.nan)


def recall_within(ranks: Ranks, rate: float) -> Numbers:
    """Share of the positives that the lowest threshold with at most this false-alarm rate finds."""
    negatives = np.asarray(ranks.negatives)
    allowed = np.floor(negatives * rate + 1e-9)[..., None]
    found = _dot(ranks.positives, ranks.at_least <= allowed) / ranks.positives.sum(axis=-1)
    return np.where(negatives > 0, found, np.nan)


def au_pro(ranks: Ranks, shares: Numbers, limit: float) -> Numbers:
    """Area under the curve of overlap over false-positive rate up to a limit, divided by it.

    Args:
        ranks: of defective and other pixels.
        shares: ... x V, sums over regions of the share of each one's pixels that have each value.
        limit: in (0, 1].
    """
    negatives = np.asarray(ranks.negatives)[..., None]
    rates = ranks.above / negatives, ranks.at_least / negatives
    return mean_worth(shares, worth(*rates, 0.0, limit))


def worth(above: Numbers, at_least: Numbers, low: float, high: float) -> Numbers:
    """What a positive of each value is worth: for which share of a range of rates it is found.

    On a curve of recall over false-alarm rate, its points joined by straight lines, it is not found
    up to the rate above its value, found from the rate at its value on, and partly in between. The
    area under the curve over a range, divided by the range, is the mean worth of the positives.
    """
    share = _ramp(high, above, at_least)
    share -= _ramp(low, above, at_least)
    share /= high - low
    return share


def mean_worth(weights: Numbers, worths: Numbers) -> Numbers:
    """The mean worth of positives with these weights."""
    mean: Numbers = _dot(weights, worths) / _dot(weights, np.ones_like(worths))
    return mean


def _ramp(end: float, zero_until: Numbers, one_from: Numbers) -> Numbers:
    """The area up to `end` under a line that rises from 0 to 1 between two places."""
    width = one_from - zero_until
    risen = np.clip(end - zero_until, 0, width)
    risen *= risen
    risen /= np.maximum(width, np.finfo(np.float64).tiny, out=width)
    risen /= 2
    risen += np.maximum(end - one_from, 0)
    return risen


def _dot(weights: Numbers, values: Numbers) -> Numbers:
    """Sums of products along the last axis."""
    summed: Numbers = np.einsum("...i,...i->...", weights, values)
    return summed
