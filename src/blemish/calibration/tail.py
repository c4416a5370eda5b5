"""An extreme-value tail, for rates that n images cannot promise: a model, and labelled as one.

Below 1/(n + 1) conformal prediction has nothing to say. A generalised Pareto distribution over the
highest scores has, if one is willing to believe that they go on as they began: excesses over a high
level are nearly of that shape for most distributions (Coles, "An Introduction to Statistical
Modeling of Extreme Values", 2001, chapter 4). Scores are maxima of maps of many patches, whose
tails are about exponential. A shape below that, with an end that no good image could pass, is not
believed: it would give p-values of zero.

Fitted by probability-weighted moments (Hosking and Wallis, "Parameter and quantile estimation for
the generalized Pareto distribution", Technometrics 29, 1987), which need no search and are better
than maximum likelihood for some hundred excesses. Whether the shape fits is tested by the
Anderson-Darling statistic, and how far it can be trusted is told by drawing from the fit and
fitting again (parametric bootstrap, seeded).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blemish.calibration.conformal import lowest_rate
from blemish.errors import CalibrationError
from blemish.typed_json import AboveZero, Positive, Share

FEWEST_SCORES = 90
FEWEST_EXCESSES = 30
SHARE = 0.1  # of the scores that are the tail, where that is enough of them
HEAVIEST = 0.5  # shape from which the excesses have no variance, and nothing can be said
LEAST_FIT = 0.002  # share of a fit's own draws that must fit it worse
FARTHEST = 100  # how many times below what can be promised a rate may be
DRAWS = 1000

_INSTEAD = (
    "Leave tail=True out; where training images that stand out are removed or more good ones are "
    "at hand, blemish calibrate tries again without a new fit."
)

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Tail:
    """A generalised Pareto distribution over the scores above a level.

    Attributes:
        level: score where the tail begins.
        excesses: how many of the scores are above it.
        scores: how many there are.
        shape: 0 (exponential) or above: how heavy the tail is.
        scale: mean excess is scale / (1 - shape); in units of the score.
        fit: share of samples drawn from the fit that fit it worse than the scores do.
    """

    level: float
    excesses: Positive
    scores: Positive
    shape: Share
    scale: AboveZero
    fit: Share

    @property
    def share(self) -> float:
        """The share of good images in the tail: the conformal p-value at its level."""
        return (self.excesses + 1) / (self.scores + 1)

    def p_value(self, score: float) -> float:
        """Share of good images that score higher, by the model; `score` must be in the tail."""
        return self.share * float(_survival(score - self.level, self.shape, self.scale))

    def threshold(self, rate: float) -> float:
        """The score that a share `rate` of good images exceeds (Coles 2001, eq. 4.13)."""
        return self.level + float(_quantile(rate / self.share, self.shape, self.scale))

    def upper_bound(self, rate: float, *, confidence: float) -> float:
        """What the rate above `threshold(rate)` stays under, were the model right.

        Samples are drawn from the fit, the tail is fitted to each, and its threshold is judged by
        the distribution that it was drawn from.
        """
        rng = np.random.default_rng(0)
        shapes, scales = _fit_each(self._draw(rng))
        share = rng.beta(self.excesses + 1, self.scores - self.excesses, DRAWS)
        thresholds = _quantile(rate / self.share, shapes, scales)
        rates = share * _survival(thresholds, self.shape, self.scale)
        return float(np.quantile(rates, confidence))

    def _draw(self, rng: np.random.Generator) -> Values:
        """Excesses drawn from the fit, DRAWS x excesses."""
        return np.sort(
            _quantile(rng.random((DRAWS, self.excesses)), self.shape, self.scale), axis=1
        )


@dataclass(frozen=True)
class Tails:
    """Tails of the scores and of the peaks of maps."""

    scores: Tail
    peaks: Tail


def fit_tail(scores: ArrayLike) -> Tail:
    """Fit the tail of some good images' scores: the highest tenth, or 30 where that is fewer.

    Args:
        scores: of good images as if they were new, raw, in any order.

    Raises:
        CalibrationError: there are fewer than 90, or their tail is none that could be gone on with.
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    _check_count(len(ordered))
    level, excesses = _highest(ordered)
    count = len(excesses)
    if not excesses[count // 2] > 0:
        raise CalibrationError(
            "The highest scores of the good images are all alike, so no tail can be fitted to "
            f"them. {_INSTEAD}"
        )
    shape, scale = (float(values[0]) for values in _fit_each(excesses[None]))
    tail = Tail(level, count, len(ordered), shape, scale, fit=1.0)
    return _checked(tail, excesses)


def same_tail(tail: Tail, scores: Values) -> bool:
    """Whether a tail is the one of some scores, rising; how well it fits is not looked at."""
    if len(scores) < FEWEST_SCORES:
        return False
    level, excesses = _highest(scores)
    with np.errstate(all="ignore"):  # scores that are all alike have none
        shape, scale = (float(values[0]) for values in _fit_each(excesses[None]))
    counts = (tail.level, tail.excesses, tail.scores) == (level, len(excesses), len(scores))
    return counts and bool(np.allclose((tail.shape, tail.scale), (shape, scale), rtol=1e-6))


def pareto_moments(excesses: Values) -> tuple[Values, Values]:
    """Shape and scale of generalised Pareto distributions by probability-weighted moments.

    Hosking and Wallis 1987, section 3, with plotting positions (j - 0.35) / k; their k is minus the
    shape here. The shape may come out negative.

    Args:
        excesses: samples x k, each row rising.
    """
    count = excesses.shape[1]
    weights = 1 - (np.arange(1, count + 1) - 0.35) / count
    first = excesses.mean(axis=1)
    second = (excesses * weights).mean(axis=1)
    gap = first - 2 * second
    return 2 - first / gap, 2 * first * second / gap


def check_reach(scores: int, rate: float) -> None:
    """Raise `CalibrationError` where a tail cannot be fitted, or not go so far."""
    _check_count(scores)
    lowest = lowest_rate(scores) / FARTHEST
    if rate < lowest * (1 - 1e-9):
        raise CalibrationError(
            f"A rate of {rate:g} is too far below what {scores} good images show, even for a "
            f"fitted tail; the lowest is {lowest:.2g}."
        )


def _highest(ordered: Values) -> tuple[float, Values]:
    """Where the tail of some scores, rising, begins, and by how much the highest exceed it."""
    count = max(FEWEST_EXCESSES, round(SHARE * len(ordered)))
    level = float(ordered[-count - 1])
    return level, ordered[-count:] - level


def _check_count(scores: int) -> None:
    if scores < FEWEST_SCORES:
        raise CalibrationError(
            f"A fitted tail takes at least {FEWEST_SCORES} good images; there are {scores}. "
            f"{_INSTEAD}"
        )


def _fit_each(excesses: Values) -> tuple[Values, Values]:
    """Shape and scale of each row; exponential where the shape would be below 0."""
    shapes, scales = pareto_moments(excesses)
    bounded = ~(shapes > 0)
    return np.where(bounded, 0.0, shapes), np.where(bounded, excesses.mean(axis=1), scales)


def _checked(tail: Tail, excesses: Values) -> Tail:
    if tail.shape > HEAVIEST:
        raise CalibrationError(
            f"The tail of the good images' scores is too heavy to go on with (shape "
            f"{tail.shape:.2f}, at most {HEAVIEST}): some score far above the rest. {_INSTEAD}"
        )
    drawn = tail._draw(np.random.default_rng(1))
    shapes, scales = _fit_each(drawn)
    worse = _anderson_darling(drawn, shapes[:, None], scales[:, None]) >= _anderson_darling(
        excesses[None], np.array([[tail.shape]]), np.array([[tail.scale]])
    )
    fit = float(worse.mean())
    if fit < LEAST_FIT:
        raise CalibrationError(
            "The tail of the good images' scores is not of the shape that tails have (Anderson-"
            f"Darling, p < {LEAST_FIT}), so it cannot be gone on with. {_INSTEAD}"
        )
    return replace(tail, fit=fit)


def _anderson_darling(excesses: Values, shape: Values, scale: Values) -> Values:
    """A^2 of each row, rising, against its distribution."""
    count = excesses.shape[1]
    above = np.clip(_survival(excesses, shape, scale), 1e-300, 1 - 1e-15)
    odd = 2 * np.arange(1, count + 1) - 1
    terms = odd * (np.log1p(-above) + np.log(above[:, ::-1]))
    statistic: Values = -count - terms.mean(axis=1)
    return statistic


def _survival(excess: ArrayLike, shape: ArrayLike, scale: ArrayLike) -> Values:
    """Chance of a larger excess, for shapes of 0 and above."""
    x, heavy = np.asarray(excess) / np.asarray(scale), np.asarray(shape)
    safe = np.where(heavy > 0, heavy, 1.0)
    exponent = np.where(heavy > 0, np.log1p(safe * np.maximum(x, 0)) / safe, x)
    survival: Values = np.exp(-exponent)
    return survival


def _quantile(above: ArrayLike, shape: ArrayLike, scale: ArrayLike) -> Values:
    """The excess that a share `above` is larger than, for shapes of 0 and above."""
    chance, heavy = np.log(np.asarray(above, np.float64)), np.asarray(shape)
    safe = np.where(heavy > 0, heavy, 1.0)
    excess: Values = np.asarray(scale) * np.where(
        heavy > 0, np.expm1(-safe * chance) / safe, -chance
    )
    return excess
