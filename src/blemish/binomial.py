"""What hits among trials say of the rate behind them: exact bounds (Clopper and Pearson, 1934)."""

from __future__ import annotations

import math

CONFIDENCE = 0.95  # of every bound and interval that blemish tells
HALVINGS = 60  # of [0, 1]: more than float64 tells apart


def rate_at_most(hits: int, trials: int, *, confidence: float) -> float:
    """The highest rate that so few hits leave possible, one-sided.

    It is the rate at which this many hits or fewer come with a probability of 1 - `confidence`: the
    quantile of Beta(hits + 1, trials - hits).
    """
    if hits >= trials:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = 1 - _cdf(hits, trials, middle) >= confidence
        low, high = (low, middle) if enough else (middle, high)
    return high


def rate_range(hits: int, trials: int, *, confidence: float) -> tuple[float, float]:
    """The rates that fit so many hits, two-sided."""
    one_sided = (1 + confidence) / 2
    lowest = 1 - rate_at_most(trials - hits, trials, confidence=one_sided)
    return lowest, rate_at_most(hits, trials, confidence=one_sided)


def hits_range(trials: int, rate: float, *, chance: float) -> tuple[int, int]:
    """The fewest and most hits that are expected: fewer, or more, come by `chance` at most each."""
    if rate > 0.5:
        low, high = hits_range(trials, 1 - rate, chance=chance)
        return trials - high, trials - low
    if rate <= 0:
        return 0, 0
    fewest, hits = 0, 0
    log_odds, log = math.log(rate) - math.log1p(-rate), trials * math.log1p(-rate)
    below = 0.0  # the probability of fewer than `hits`
    while below <= 1 - chance and hits < trials:
        fewest = hits if below <= chance else fewest
        below += math.exp(log)
        log += math.log(trials - hits) - math.log(hits + 1) + log_odds
        hits += 1
    return fewest, hits if below <= 1 - chance else hits - 1


def _cdf(hits: int, trials: int, rate: float) -> float:
    """The probability of so many hits or fewer."""
    if rate <= 0 or rate >= 1:
        return float(rate <= 0 or hits >= trials)
    logs = [
        math.lgamma(trials + 1)
        - math.lgamma(i + 1)
        - math.lgamma(trials - i + 1)
        + i * math.log(rate)
        + (trials - i) * math.log1p(-rate)
        for i in range(hits + 1)
    ]
    return min(1.0, math.fsum(math.exp(value) for value in logs))
