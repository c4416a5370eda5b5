"""The fitted tail, held against SciPy and against distributions whose tail is known."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binom, expon, gamma, genpareto, gumbel_r

from blemish.calibration import CalibrationRequest, calibrate, rate_for
from blemish.calibration.tail import FARTHEST, Tail, fit_tail, pareto_moments
from blemish.errors import CalibrationError


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.2, 0.4])
def test_the_fit_finds_what_it_was_drawn_from_as_scipy_does(shape):
    excesses = np.sort(genpareto.rvs(shape, scale=2, size=50_000, random_state=1))
    (ours,), (scale,) = pareto_moments(excesses[None])
    theirs, _, their_scale = genpareto.fit(excesses, floc=0)
    assert ours == pytest.approx(shape, abs=0.03)
    assert ours == pytest.approx(theirs, abs=0.03)
    assert scale == pytest.approx(their_scale, rel=0.03)


@pytest.mark.parametrize("shape", [0.01, 0.3])
def test_moments_are_those_of_the_distribution(shape):
    """The two weighted moments behind the estimate, integrated by SciPy."""
    law = genpareto(shape, scale=1.5)
    first = quad(law.sf, 0, np.inf)[0]
    second = quad(lambda x: x * law.pdf(x) * law.sf(x), 0, np.inf)[0]
    assert 2 - first / (first - 2 * second) == pytest.approx(shape, abs=1e-6)
    assert 2 * first * second / (first - 2 * second) == pytest.approx(1.5, abs=1e-6)


@pytest.mark.parametrize("shape", [0.0, 0.2])
def test_p_values_and_thresholds_are_those_of_scipys_distribution(shape):
    tail = Tail(level=3.0, excesses=30, scores=200, shape=shape, scale=0.7, fit=1.0)
    law = genpareto(shape, loc=3.0, scale=0.7) if shape else expon(3.0, 0.7)
    share = 31 / 201
    for score in (3.0, 3.5, 6.0, 20.0):
        assert tail.p_value(score) == pytest.approx(share * law.sf(score))
    for rate in (1e-2, 1e-3, 1e-5):
        assert tail.threshold(rate) == pytest.approx(law.isf(rate / share))
        assert tail.p_value(tail.threshold(rate)) == pytest.approx(rate)


def test_the_tail_is_the_highest_tenth_or_thirty():
    rng = np.random.default_rng(0)
    for images, excesses in ((90, 30), (250, 30), (762, 76)):
        scores = rng.gumbel(size=images)
        tail = fit_tail(scores)
        assert tail.excesses == np.sum(scores > tail.level) == excesses


@pytest.mark.parametrize("law", [gumbel_r(), gamma(2)], ids=["gumbel", "gamma"])
@pytest.mark.parametrize("below", [3, 10])
def test_on_average_a_rate_below_the_promise_is_met_for_usual_scores(law, below):
    """No promise, but what the model says holds where scores are maxima or sums."""
    rng = np.random.default_rng(3)
    rate = 1 / 251 / below
    rates = []
    for _ in range(60):
        with suppress(CalibrationError):  # one in a hundred is refused
            rates.append(law.sf(fit_tail(law.rvs(250, random_state=rng)).threshold(rate)))
    assert len(rates) > 55
    assert 0.2 * rate < np.mean(rates) < 1.6 * rate


def test_the_upper_bound_covers_the_true_rate():
    rng = np.random.default_rng(4)
    rate, covered, draws = 0.0005, 0, 60
    for _ in range(draws):
        tail = fit_tail(rng.gumbel(size=250))
        true = gumbel_r.sf(tail.threshold(rate))
        covered += true <= tail.upper_bound(rate, confidence=0.95)
    assert covered >= binom.ppf(0.001, draws, 0.95)


def test_a_tail_with_an_end_is_not_believed():
    scores = np.random.default_rng(0).beta(2, 4, size=300)
    tail = fit_tail(scores)
    assert pareto_moments(np.sort(scores)[None, -30:] - tail.level)[0] < -0.1
    assert tail.shape == 0
    assert tail.p_value(1.5) > 0


def test_p_values_are_conformal_below_the_tail_and_fall_without_a_break():
    scores = np.random.default_rng(1).gumbel(size=300)
    found = calibrate(scores, scores, method="", request=CalibrationRequest(tail=True))
    level = found.tails.scores.level
    assert found.tail_p_value(level) == found.p_value(level)
    values = [found.tail_p_value(score) for score in np.linspace(0, 12, 200)]
    assert all(a >= b for a, b in pairwise(values))
    assert values[-1] < 1 / 301 == pytest.approx(found.p_value(12.0))


def test_a_rate_that_can_be_promised_stays_conformal():
    scores = np.random.default_rng(1).gumbel(size=300)
    plain = calibrate(scores, scores, method="", request=CalibrationRequest(0.01))
    with_tail = calibrate(scores, scores, method="", request=CalibrationRequest(0.01, tail=True))
    assert with_tail.image_threshold == plain.image_threshold
    assert with_tail.basis == "conformal"
    below = calibrate(scores, scores, method="", request=CalibrationRequest(0.001, tail=True))
    assert below.basis == below.region_basis == "model-based"
    assert below.image_threshold > scores.max() - 1
    assert below.to_dict()["upper_bound_95"] > 0.001


def test_the_bound_is_the_same_each_time():
    tail = fit_tail(np.random.default_rng(1).gumbel(size=300))
    assert tail.upper_bound(1e-3, confidence=0.95) == tail.upper_bound(1e-3, confidence=0.95)


def test_too_few_scores_are_refused():
    with pytest.raises(CalibrationError, match="at least 90 good images; there are 89"):
        fit_tail(np.random.default_rng(0).random(89))


def test_scores_that_are_all_alike_are_refused():
    with pytest.raises(CalibrationError, match="all alike"):
        fit_tail(np.ones(200))


def test_a_tail_that_is_too_heavy_is_refused_with_what_to_look_at():
    scores = np.random.default_rng(0).gumbel(size=210)
    scores[:6] += [20, 25, 30, 60, 90, 150]
    with pytest.raises(CalibrationError, match=r"too heavy.*stand out"):
        fit_tail(scores)


def test_two_heaps_of_scores_are_refused():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(size=200), 3 + 0.3 * rng.random(24), 7 + rng.random(6)])
    with pytest.raises(CalibrationError, match="shape that tails have"):
        fit_tail(scores)


def test_a_rate_too_far_below_is_refused():
    scores = np.random.default_rng(0).gumbel(size=200)
    request = CalibrationRequest(0.9 / 201 / FARTHEST, tail=True)
    with pytest.raises(CalibrationError, match="too far below"):
        calibrate(scores, scores, method="", request=request)


def test_without_a_rate_a_tail_gives_the_default_where_ranks_alone_cannot():
    scores = np.random.default_rng(0).gumbel(size=95)  # promise 0.0104 at the lowest
    found = calibrate(scores, scores, method="", request=CalibrationRequest(tail=True))
    assert found.false_alarm_rate == rate_for(CalibrationRequest(tail=True), 95) == 0.01
    assert calibrate(scores, scores, method="").false_alarm_rate == pytest.approx(1 / 96)
