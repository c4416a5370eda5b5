"""How sure a figure is: intervals over the choice of test images.

Intervals are percentiles of the bootstrap (`bootstrap`), 95 %. Where a figure is 0 or 1 in every
draw, so that drawing images again shows no spread, a one-sided bound of the binomial distribution
(Clopper and Pearson, 1934) takes its place: were the figure the share of n images that are judged
rightly, and all n were, it would be above that with 95 % confidence. n is the number of good or of
defective images, whichever a figure rests on, and the smaller of both where it rests on both. For
AUROC the bound is valid: n disjoint pairs of a good and a defective image, all in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.binomial import CONFIDENCE, rate_at_most
from blemish.metrics.bootstrap import Draws
from blemish.metrics.catalogue import Level, RestsOn, figures_of


@dataclass(frozen=True, slots=True)
class Difference:
    """How much higher a figure of one detector is than that of another on the same images.

    Attributes:
        value: the difference of the figures.
        low, high: its interval.
        first_wins: share of the draws in which the first is higher, ties as half.
    """

    value: float
    low: float
    high: float
    first_wins: float


def intervals(
    figures: Mapping[str, float | None], draws: Draws, *, level: Level, good: int, defective: int
) -> dict[str, tuple[float, float] | None]:
    """Low and high end for each figure that was drawn.

    `None` where the figure is undefined, or rests on a class of just one image: drawn again, it
    is always the same.

    Args:
        figures: of all images.
        draws: of these figures.
        level: of these figures.
        good: how many good images there are.
        defective: how many defective ones.
    """
    rests_on = {figure.name: figure.rests_on for figure in figures_of(level)}
    return {
        name: _interval(figures[name], values, _classes(rests_on[name], good, defective))
        for name, values in draws.items()
    }


def difference(
    first: float, second: float, first_draws: NDArray[np.float64], second_draws: NDArray[np.float64]
) -> Difference:
    """Compare a figure of two detectors, drawn from the same images with the same `times`.

    Args:
        first: the figure of one.
        second: that of the other.
        first_draws: its draws.
        second_draws: those of the other.
    """
    apart = first_draws - second_draws
    apart = apart[np.isfinite(apart)]
    wins = np.count_nonzero(apart > 0) + np.count_nonzero(apart == 0) / 2
    return Difference(first - second, *percentiles(apart), float(wins / len(apart)))


def percentiles(draws: NDArray[np.float64]) -> tuple[float, float]:
    """The ends of the middle 95 % of some draws."""
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _interval(
    figure: float | None, draws: NDArray[np.float64], classes: Sequence[int]
) -> tuple[float, float] | None:
    known = draws[np.isfinite(draws)]
    if figure is None or not len(known) or 1 in classes:
        return None
    low, high = percentiles(known)
    if low == high and figure in (0.0, 1.0):
        images = min(classes)
        wrong = rate_at_most(0, images, confidence=CONFIDENCE)
        return (0.0, wrong) if figure == 0 else (1 - wrong, 1.0)
    return low, high


def _classes(rests_on: RestsOn, good: int, defective: int) -> list[int]:
    """How many images there are of each class that a figure rests on."""
    counts = {RestsOn.GOOD: [good], RestsOn.DEFECTIVE: [defective]}
    return [count for count in counts.get(rests_on, [good, defective]) if count]
