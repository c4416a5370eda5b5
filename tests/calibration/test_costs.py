"""A threshold by costs: the cheapest one, what it amounts to, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.calibration import Costs, choose_threshold
from blemish.calibration.costs import StatedCosts
from blemish.errors import CalibrationError, SettingError
from blemish.typed_json import as_json, as_type


def slow_cost(threshold, good, defects, costs, rate):
    misses = sum(score <= threshold for score in defects) / len(defects)
    alarms = sum(score > threshold for score in good) / len(good)
    return rate * costs.miss * misses + (1 - rate) * costs.false_alarm * alarms


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("costs", [Costs(50, 1), Costs(1, 1), Costs(3, 1, 0.01), Costs(1, 20, 0.3)])
def test_no_other_threshold_is_cheaper(seed, costs):
    rng = np.random.default_rng(seed)
    good = np.round(rng.normal(size=40), 1)  # ties and all
    defects = np.round(rng.normal(2, 1, size=15), 1)
    rate = costs.defect_rate or 15 / 55
    tried = [slow_cost(t, good, defects, costs, rate) for t in np.linspace(-4, 7, 1101)]
    try:
        rule = choose_threshold(good, defects, costs)
    except CalibrationError:
        nothing = min(slow_cost(t, good, defects, costs, rate) for t in (-9, 99))
        assert nothing <= min(tried) + 1e-9
        return
    assert slow_cost(rule.threshold, good, defects, costs, rate) <= min(tried) + 1e-9
    assert rule.defect_rate == pytest.approx(rate)


def test_where_scores_are_apart_the_threshold_lies_in_the_middle():
    rule = choose_threshold([1, 2, 3.0] * 10, [5, 6, 7.0] * 3, Costs(50, 1))
    assert rule.threshold == 4
    assert (rule.false_alarms, rule.misses) == (0, 0)
    assert rule.expected_cost == 0
    assert rule.bounds()[1] == pytest.approx(1 - 0.05 ** (1 / 9))


def test_dearer_misses_lower_the_threshold():
    rng = np.random.default_rng(0)
    good, defects = rng.normal(size=500), rng.normal(2, 1, size=100)
    thresholds = [choose_threshold(good, defects, Costs(miss, 1)).threshold for miss in (0.3, 1, 9)]
    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[0] > thresholds[-1]


def test_what_it_amounts_to_is_what_new_images_show():
    rng = np.random.default_rng(1)
    told, seen = [], []
    for _ in range(300):
        good, defects = rng.normal(size=60), rng.normal(2, 1, size=20)
        rule = choose_threshold(good, defects, Costs(5, 1))
        told.append((rule.false_alarm_rate, rule.miss_rate))
        new_good, new_defects = rng.normal(size=200), rng.normal(2, 1, size=200)
        seen.append((np.mean(new_good > rule.threshold), np.mean(new_defects <= rule.threshold)))
    told, seen = np.array(told), np.array(seen)
    error = (told - seen).std(axis=0) / np.sqrt(len(told))
    assert np.all(np.abs((told - seen).mean(axis=0)) < 4 * error)


def test_the_share_of_defects_is_that_on_the_line_where_it_is_given():
    rng = np.random.default_rng(2)
    good, defects = rng.normal(size=200), rng.normal(2, 1, size=100)
    common = choose_threshold(good, defects, Costs(50, 1))
    rare = choose_threshold(good, defects, Costs(50, 1, defect_rate=0.01))
    assert common.defect_rate == pytest.approx(1 / 3)
    assert rare.threshold > common.threshold


@pytest.mark.parametrize(("costs", "what"), [(Costs(1e9, 1), "reject"), (Costs(1e-9, 1), "pass")])
def test_deciding_alike_on_every_image_is_refused(costs, what):
    rng = np.random.default_rng(3)
    good, defects = np.append(rng.normal(size=50), -9), np.append(rng.normal(size=20), [-10, 0])
    with pytest.raises(CalibrationError, match=f"cheapest to {what} every image"):
        choose_threshold(good, defects, costs)


def test_too_few_images_are_told_together():
    with pytest.raises(CalibrationError, match=r"(?s)there are 4.*there are 1"):
        choose_threshold([1.0], [5.0] * 4, Costs(50, 1))
    with pytest.raises(CalibrationError, match="finite"):
        choose_threshold([1.0, np.nan], [5.0] * 9, Costs(50, 1))


def test_costs_and_rates_that_make_no_sense_are_told_together():
    with pytest.raises(SettingError, match=r"(?s)cost_miss.*cost_false_alarm.*defect_rate"):
        Costs(0, float("inf"), 1.5)


def test_a_rule_is_read_as_it_was_written():
    rng = np.random.default_rng(0)
    rule = choose_threshold(rng.normal(size=50), rng.normal(2, 1, size=20), Costs(5, 1))
    assert as_type(as_json(rule.stated()), StatedCosts).rule() == rule
