"""A calibration as a whole: its thresholds, what it says of itself, and reading it again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binom

from blemish.calibration import (
    CalibrationFacts,
    CalibrationRequest,
    Costs,
    calibrate,
    choose_threshold,
    with_false_regions,
)
from blemish.calibration.thresholds import read_calibration
from blemish.errors import CalibrationError
from blemish.result import ScoredImage
from blemish.typed_json import as_type


def rows_of(scores, peaks):
    return [
        ScoredImage(f"{i}.png", "0" * 64, s, p)
        for i, (s, p) in enumerate(zip(scores, peaks, strict=True))
    ]


def drawn(images, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.gumbel(size=images)
    return scores, scores + rng.normal(scale=0.5, size=images)


def test_rates_that_so_few_images_cannot_promise_are_refused():
    with pytest.raises(CalibrationError, match=r"false-alarm rate of 0.01 takes at least 99"):
        calibrate(range(50), range(50), method="", request=CalibrationRequest(0.01))
    with pytest.raises(CalibrationError, match=r"region rate of 0.01 takes at least 99"):
        calibrate(
            range(50), range(50), method="", request=CalibrationRequest(0.1, region_rate=0.01)
        )


def test_the_default_rate_is_one_percent_or_the_lowest_that_can_be_promised():
    assert calibrate(range(200), range(200), method="").false_alarm_rate == 0.01
    few = calibrate(range(9), range(9), method="")
    assert few.false_alarm_rate == pytest.approx(0.1)
    assert few.image_threshold == 8


def test_regions_have_a_rate_of_their_own_where_it_is_asked_for():
    scores, peaks = drawn(500)
    found = calibrate(scores, peaks, method="", request=CalibrationRequest(0.05, region_rate=0.01))
    assert np.sum(scores > found.image_threshold) == 24
    assert np.sum(peaks > found.pixel_threshold) == 4
    told = found.to_dict()
    assert (told["false_alarm_rate"], told["region_rate"]) == (0.05, 0.01)
    assert told["region_upper_bound_95"] < told["upper_bound_95"]


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(CalibrationError, match="finite"):
        calibrate([1.0, np.inf], [1.0, 2.0], method="")


def test_a_smallest_region_below_one_pixel_is_refused():
    with pytest.raises(CalibrationError, match="smallest_region_px"):
        calibrate(range(9), range(9), method="", request=CalibrationRequest(smallest_region_px=0))


def test_how_many_are_rejected_or_show_a_region_is_told_without_bias():
    rng = np.random.default_rng(5)
    expected, seen, images = [], 0, 99
    for _ in range(2000):
        scores = rng.gumbel(size=images + 1)
        peaks = scores + rng.normal(size=images + 1)
        found = calibrate(scores[:-1], peaks[:-1], method="", request=CalibrationRequest(0.1))
        expected.append(found.either_rate)
        seen += scores[-1] > found.image_threshold or peaks[-1] > found.pixel_threshold
    low, high = binom.ppf([0.001, 0.999], 2000, np.mean(expected))
    assert 0.1 < np.mean(expected) < 0.2
    assert low <= seen <= high


def test_what_a_file_keeps_gives_the_same_calibration():
    scores, peaks = drawn(200)
    rule = choose_threshold(scores, scores[:50] + 6, Costs(50, 1))
    maps = {f"{i}.png": np.full((4, 5), p, np.float32) for i, p in enumerate(peaks)}
    by_name = {name: float(found.max()) for name, found in maps.items()}
    by_tail = CalibrationRequest(1e-4, 0.02, 3, tail=True)
    for request, costs in (
        (CalibrationRequest(0.02), None),
        (by_tail, None),
        (CalibrationRequest(0.02), rule),
    ):
        found = calibrate(scores, peaks, method="5-fold", request=request, costs=costs, dropped=2)
        found = with_false_regions(found, by_name, maps.__getitem__)
        facts = json.loads(json.dumps(found.facts(rows_of(scores, peaks)).to_dict()))
        again = read_calibration(as_type(facts, CalibrationFacts))
        assert again.to_dict() == found.to_dict()
        assert again.image_threshold == found.image_threshold
        assert again.p_value(3.0) == found.p_value(3.0)
        assert again.tail_p_value(3.0) == found.tail_p_value(3.0)


def test_dropped_images_are_told_with_the_rate_that_they_would_make():
    scores, peaks = drawn(99)
    told = calibrate(
        scores, peaks, method="", request=CalibrationRequest(0.05), dropped=3
    ).to_dict()
    assert told["dropped"] == 3
    assert told["rate_if_dropped_were_good"] == pytest.approx((4 + 3 + 1) / (99 + 3 + 1))
    assert calibrate(scores, peaks, method="").to_dict()["rate_if_dropped_were_good"] is None


def test_what_would_be_promised_of_dropped_images_holds_were_they_good():
    """Dropping the highest scores of good images: the rate told is the one that is seen."""
    rng = np.random.default_rng(2)
    seen, told, draws = 0, 0.0, 4000
    for _ in range(draws):
        scores = np.sort(rng.gumbel(size=102))
        found = calibrate(
            scores[:99], scores[:99], method="", request=CalibrationRequest(0.05), dropped=3
        )
        seen += rng.gumbel() > found.image_threshold
        told = found.to_dict()["rate_if_dropped_were_good"]
    low, high = binom.ppf([0.001, 0.999], draws, told)
    assert low <= seen <= high


def test_costs_in_place_of_a_rate_say_so():
    scores, peaks = drawn(200)
    rule = choose_threshold(scores, scores[:50] + 4, Costs(50, 1, defect_rate=0.01))
    found = calibrate(scores, peaks, method="", request=CalibrationRequest(0.05), costs=rule)
    told = found.to_dict()
    assert found.image_threshold == rule.threshold
    assert (told["basis"], told["region_basis"]) == ("costs", "conformal")
    assert told["false_alarm_rate"] == rule.false_alarm_rate
    assert told["costs"]["misses"] == rule.misses
    assert told["region_rate"] == 0.05


@pytest.mark.parametrize("pixels", [0, -1, 2**31, 10**20])
def test_regions_of_no_pixel_or_more_than_any_image_has_are_refused_before_a_fit(pixels):
    with pytest.raises(CalibrationError, match=r"'smallest_region_px' must be in \[1, 2"):
        CalibrationRequest(smallest_region_px=pixels)
