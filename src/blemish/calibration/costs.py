"""A threshold by costs, where some defects are known: what a miss costs, and a false alarm.

It is no conformal promise: defects have a say in it. The threshold chosen is that of the lowest
cost an image,

    defect_rate * miss * (share of known defects that pass)
    + (1 - defect_rate) * false_alarm * (share of good images that are rejected),

in the middle between the scores at which the decision changes. What that amounts to is told by
leaving out each image in turn, choosing again without it, and seeing whether it is decided
rightly: the choice then has not seen the image, so the rates are nearly unbiased (Stone, 1974).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blemish.binomial import CONFIDENCE, rate_at_most
from blemish.errors import CalibrationError, SettingError, raise_all
from blemish.typed_json import AboveZero, Count, Positive, Rate, Share

FEWEST_DEFECTS = 5

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Costs:
    """What wrong decisions cost, in any unit.

    Attributes:
        miss: of a defect that passes.
        false_alarm: of a good image that is rejected.
        defect_rate: share of defects on the line, in (0, 1); `None` for that among the images
            given.

    Raises:
        SettingError: a cost is not above 0, or the rate not in (0, 1).
    """

    miss: float
    false_alarm: float
    defect_rate: float | None = None

    def __post_init__(self) -> None:
        rate = self.defect_rate
        problems = [
            f"'cost_{name}' must be above 0 and finite; got {cost:g}."
            for name, cost in (("miss", self.miss), ("false_alarm", self.false_alarm))
            if not 0 < cost < float("inf")
        ]
        if rate is not None and not 0 < rate < 1:
            problems.append(f"'defect_rate' must be in (0, 1); got {rate:g}.")
        raise_all(problems, SettingError)


@dataclass(frozen=True)
class CostRule:
    """A threshold chosen by costs, and what it amounts to.

    Attributes:
        threshold: of the score.
        miss, false_alarm, defect_rate: by which it was chosen.
        good: how many good images it was chosen on.
        defects: how many known defects.
        false_alarms: good images rejected by the threshold chosen without them.
        misses: defects passed by the threshold chosen without them.
    """

    threshold: float
    miss: float
    false_alarm: float
    defect_rate: float
    good: int
    defects: int
    false_alarms: int
    misses: int

    @property
    def false_alarm_rate(self) -> float:
        """Share of good images that are rejected, left out."""
        return self.false_alarms / self.good

    @property
    def miss_rate(self) -> float:
        """Share of defects that pass, left out."""
        return self.misses / self.defects

    @property
    def expected_cost(self) -> float:
        """Cost of an image, in the unit of the costs."""
        return (
            self.defect_rate * self.miss * self.miss_rate
            + (1 - self.defect_rate) * self.false_alarm * self.false_alarm_rate
        )

    def bounds(self) -> tuple[float, float]:
        """What false-alarm rate and miss rate stay under with 95 % confidence, one at a time."""
        return (
            rate_at_most(self.false_alarms, self.good, confidence=CONFIDENCE),
            rate_at_most(self.misses, self.defects, confidence=CONFIDENCE),
        )

    def stated(self) -> StatedCosts:
        """The rule with what it amounts to."""
        false_alarms_at_most, misses_at_most = self.bounds()
        return StatedCosts(
            **asdict(self),
            false_alarm_rate=self.false_alarm_rate,
            false_alarm_rate_at_most_95=false_alarms_at_most,
            miss_rate=self.miss_rate,
            miss_rate_at_most_95=misses_at_most,
            expected_cost=self.expected_cost,
        )


@dataclass(frozen=True)
class StatedCosts:
    """A `CostRule`, and what it amounts to: shares as they were seen and with 95 % confidence.

    Attributes:
        expected_cost: of an image, in the unit of the costs.
    """

    threshold: float
    miss: AboveZero
    false_alarm: AboveZero
    defect_rate: Rate
    good: Positive
    defects: Positive
    false_alarms: Count
    misses: Count
    false_alarm_rate: Share
    false_alarm_rate_at_most_95: Share
    miss_rate: Share
    miss_rate_at_most_95: Share
    expected_cost: float

    def rule(self) -> CostRule:
        """What all else follows from."""
        return CostRule(**{field.name: getattr(self, field.name) for field in fields(CostRule)})


def choose_threshold(good: ArrayLike, defects: ArrayLike, costs: Costs) -> CostRule:
    """The threshold of the lowest cost; in a tie, the one that misses fewer defects.

    Args:
        good: scores of good images as if they were new, raw.
        defects: scores of known defects that the model was not fitted on, raw.
        costs: of wrong decisions.

    Raises:
        CalibrationError: there are fewer than 5 defects or 2 good images, or it is cheapest to
            decide alike on every image.
    """
    g, d = (np.sort(np.asarray(scores, np.float64)) for scores in (good, defects))
    _check(g, d)
    rate = len(d) / (len(g) + len(d)) if costs.defect_rate is None else costs.defect_rate
    weights = _weights(costs, rate)
    threshold = _cheapest(g, d, weights)
    if not np.isfinite(threshold):
        raise CalibrationError(_no_threshold(threshold < 0, costs, rate))
    alarms = [score > _cheapest(np.delete(g, i), d, weights) for i, score in enumerate(g)]
    misses = [score <= _cheapest(g, np.delete(d, i), weights) for i, score in enumerate(d)]
    return CostRule(
        threshold,
        costs.miss,
        costs.false_alarm,
        rate,
        len(g),
        len(d),
        int(np.sum(alarms)),
        int(np.sum(misses)),
    )


def cheapest_threshold(good: ArrayLike, defects: ArrayLike, rule: CostRule) -> float:
    """The threshold that a rule's costs choose, without what it amounts to; may be infinite."""
    g, d = (np.sort(np.asarray(scores, np.float64)) for scores in (good, defects))
    return _cheapest(g, d, _weights(rule, rule.defect_rate))


def _weights(costs: Costs | CostRule, rate: float) -> tuple[float, float]:
    """Of the shares of false alarms and of misses; their sum is 1."""
    alarm, miss = (1 - rate) * costs.false_alarm, rate * costs.miss
    return alarm / (alarm + miss), miss / (alarm + miss)


def _cheapest(good: Values, defects: Values, weights: tuple[float, float]) -> float:
    """The threshold of the lowest cost among all; infinite where deciding alike is cheaper."""
    edges = np.unique(np.concatenate([good, defects]))
    below = np.concatenate([[-np.inf], edges])  # a threshold from each of these up to the next
    alarms = 1 - np.searchsorted(good, below, side="right") / len(good)
    misses = np.searchsorted(defects, below, side="right") / len(defects)
    best = int(np.argmin(np.round(weights[0] * alarms + weights[1] * misses, 12)))
    if best in (0, len(edges)):
        return float("-inf") if best == 0 else float("inf")
    return float(edges[best - 1] + edges[best]) / 2


def _check(good: Values, defects: Values) -> None:
    problems = []
    if len(defects) < FEWEST_DEFECTS:
        problems.append(
            f"A threshold by costs takes at least {FEWEST_DEFECTS} known defects; there are "
            f"{len(defects)}."
        )
    if len(good) < 2:
        problems.append(
            f"A threshold by costs takes at least 2 good images; there are {len(good)}."
        )
    if not (np.isfinite(good).all() and np.isfinite(defects).all()):
        problems.append("A score of a calibration image is not a finite number.")
    raise_all(problems, CalibrationError)


def _no_threshold(reject_all: bool, costs: Costs, rate: float) -> str:
    what = "reject" if reject_all else "pass"
    return (
        f"With a miss at {costs.miss:g}, a false alarm at {costs.false_alarm:g} and {100 * rate:g} "
        f"% defects it is cheapest to {what} every image unseen: no threshold does better. Check "
        "the costs and 'defect_rate', or fit a better model."
    )
