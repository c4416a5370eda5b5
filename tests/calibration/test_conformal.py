"""What is promised holds, and what cannot be promised is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from blemish.calibration import (
    check_rate,
    conformal_threshold,
    images_needed,
    lowest_rate,
    p_value,
    upper_bound,
)
from blemish.errors import CalibrationError


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=60),
    st.integers(-5, 25),
    st.floats(0.02, 0.9),
)
def test_rejecting_above_the_threshold_is_rejecting_small_p_values(scores, score, rate):
    if rate < lowest_rate(len(scores)):
        return
    rejected = score > conformal_threshold(scores, rate)
    assert rejected == (p_value(scores, score) <= rate + 1e-9)


def test_images_needed_and_lowest_rate_are_inverse():
    for rate in (0.5, 0.1, 0.05, 0.01, 0.005, 0.001):
        needed = images_needed(rate)
        assert lowest_rate(needed) <= rate + 1e-12
        assert lowest_rate(needed - 1) > rate
    assert images_needed(0.01) == 99


@pytest.mark.parametrize(("images", "rate"), [(99, 0.01), (230, 0.01), (500, 0.05), (19, 0.05)])
def test_upper_bound_is_the_beta_quantile(images, rate):
    above = int(rate * (images + 1) + 1e-9) - 1
    expected = beta.ppf(0.95, above + 1, images - above)
    assert upper_bound(images, rate, confidence=0.95) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("rate", [0.05, 0.01, 0.005])
def test_false_alarms_of_exchangeable_scores_stay_at_the_promised_rate(rate):
    rng = np.random.default_rng(0)
    draws, images = 20_000, 250
    scores = rng.gamma(2, size=(draws, images + 1)).astype(np.float32)
    scores += rng.normal(size=(draws, 1))  # a line of its own each time: exchangeable, no more
    alarms = sum(row[-1] > conformal_threshold(row[:-1], rate) for row in scores)
    reached = np.floor(rate * (images + 1)) / (images + 1)  # the promise, rounded down
    assert binom.ppf(0.001, draws, reached) <= alarms <= binom.ppf(0.999, draws, rate)


def test_one_draw_of_images_stays_under_the_upper_bound_with_95_percent_confidence():
    rng = np.random.default_rng(1)
    bound = upper_bound(200, 0.02, confidence=0.95)
    thresholds = [conformal_threshold(rng.random(200), 0.02) for _ in range(4000)]
    share = np.mean([1 - threshold <= bound for threshold in thresholds])
    assert 0.94 < share < 0.96


def test_a_rate_that_so_few_images_cannot_promise_is_refused_with_the_number_needed():
    with pytest.raises(CalibrationError, match="takes at least 99 good images; there are 50"):
        check_rate(50, 0.01)


@pytest.mark.parametrize("rate", [0, 1, -0.1, 2])
def test_a_rate_outside_its_interval_is_refused(rate):
    with pytest.raises(CalibrationError, match=r"'region_rate' must be in \(0, 1\)"):
        check_rate(50, rate, name="region_rate")


def test_ties_at_the_threshold_never_raise_more_alarms():
    rng = np.random.default_rng(3)
    draws = rng.integers(0, 4, (20_000, 100))
    alarms = np.mean([row[-1] > conformal_threshold(row[:-1], 0.1) for row in draws])
    assert alarms <= 0.1
