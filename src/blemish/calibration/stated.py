"""Whether the thresholds that a model file states are those that follow from what it keeps.

A file states its thresholds, for whoever reads them in another language, and keeps the scores that
they come from. Both must be one truth: what is stated is what is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.calibration.conformal import lowest_rate, promises
from blemish.calibration.costs import CostRule, cheapest_threshold
from blemish.calibration.facts import CalibrationFacts
from blemish.calibration.tail import Tail, same_tail
from blemish.calibration.thresholds import Calibration, either_rate, read_calibration
from blemish.errors import ModelFileError

THRESHOLDS = ("image_threshold", "pixel_threshold")
DRAWN = ("upper_bound_95", "region_upper_bound_95")
CLOSE, CLOSE_DRAWN = 1e-9, 0.2  # relative

Values = NDArray[np.float64]


def read_stated(facts: CalibrationFacts, name: str) -> Calibration:
    """The calibration of a model file, once it is known not to contradict itself.

    Args:
        facts: as the file has them.
        name: what to call the file in errors.

    Raises:
        ModelFileError: what is stated twice differs; all that does is named.
    """
    problems = list(_unusable(facts))
    if not problems:
        calibration = read_calibration(facts)
        # Bounds cannot be reckoned of tails and costs that are none of these scores.
        problems = list(_other_rules(calibration, facts)) or list(_other(calibration, facts))
        if not problems:
            return calibration
    raise ModelFileError(
        f"'{name}' contradicts itself, so its thresholds cannot be trusted: {'; '.join(problems)}. "
        "Get it anew from where it was fitted, or fit it again."
    )


def _unusable(facts: CalibrationFacts) -> Iterator[str]:
    """What keeps a calibration from being made at all."""
    images = len(facts.scored)
    if facts.images != images:
        yield f"'images' is {facts.images}, but scores are kept of {images}"
        return
    for name in ("region_rate",) if facts.costs else ("region_rate", "false_alarm_rate"):
        rate = getattr(facts, name)
        if not (promises(images, rate) or (facts.tails and rate > 0)) or rate >= 1:
            yield f"'{name}' is {rate:g}, but {images} images promise {lowest_rate(images):g}"


def _other_rules(calibration: Calibration, facts: CalibrationFacts) -> Iterator[str]:
    """What of tails and costs does not follow from the scores."""
    if calibration.tails:
        tails = (calibration.tails.scores, calibration.tails.peaks)
        yield from _of_tails(tails, (calibration.scores, calibration.peaks))
    if calibration.costs:
        defects = [image.score for image in facts.defects]
        yield from _of_costs(calibration.costs, calibration.scores, defects)


def _other(calibration: Calibration, facts: CalibrationFacts) -> Iterator[str]:
    """What else is stated otherwise than it follows."""
    follows, states = calibration.to_dict(), facts.to_dict()
    for name in sorted(follows):
        if not _same(follows[name], states[name], _how_close(name, calibration)):
            stated, found = _spell(states[name]), _spell(follows[name])
            yield f"'{name}' is stated as {stated}, but {found} follows"
    pairs = np.array([(image.score, image.peak) for image in facts.scored], np.float64).T
    if facts.either_rate is not None:
        rate = either_rate(pairs, calibration)
        if rate is None or not _same(rate, facts.either_rate, CLOSE):
            yield f"'either_rate' is stated as {facts.either_rate:g}, but {rate} follows"


def _how_close(name: str, calibration: Calibration) -> float:
    """By how much a stated value may differ from what follows, relative."""
    if calibration.tails:  # another NumPy may draw other numbers, and round otherwise
        return CLOSE_DRAWN if name in DRAWN else CLOSE
    return 0.0 if name in THRESHOLDS else CLOSE


def _of_tails(tails: Sequence[Tail], values: Sequence[Values]) -> Iterator[str]:
    for name, tail, scores in zip(("scores", "peaks"), tails, values, strict=True):
        if not same_tail(tail, scores):
            yield f"the tail of the {name} is not the one that fits them"


def _of_costs(rule: CostRule, good: Values, defects: Sequence[float]) -> Iterator[str]:
    if (rule.good, rule.defects) != (len(good), len(defects)):
        yield (
            f"'costs' counts {rule.good} good images and {rule.defects} defects, but scores are "
            f"kept of {len(good)} and {len(defects)}"
        )
        return
    if rule.false_alarms > rule.good or rule.misses > rule.defects:
        yield "'costs' counts more wrong decisions than images"
    threshold = cheapest_threshold(good, defects, rule)
    if not math.isclose(threshold, rule.threshold, rel_tol=CLOSE):
        yield f"'costs.threshold' is stated as {rule.threshold:g}, but {threshold:g} follows"


def _same(one: Any, other: Any, close: float) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(name in other and _same(one[name], other[name], close) for name in one)
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=close)
    return bool(one == other)


def _spell(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)
