"""When a training ends, and how fast it learns at each step."""

from __future__ import annotations

import pytest

from blemish.detectors.efficientad.schedule import LOOKED, Schedule, fewest_steps
from blemish.detectors.efficientad.settings import EfficientAdSettings


def schedule(steps=3000, **settings):
    given = {"preset": "quick", "unexplained": 0.1} | settings
    return Schedule(EfficientAdSettings(**given), steps)


def watch(one, shares):
    """Looks at shares every so many steps, and where the training ends."""
    for number, share in enumerate(shares, 1):
        if number * LOOKED > one.end:
            break
        one.look(number * LOOKED, share)
    return one.end


def test_the_rate_rises_stays_and_falls_to_nothing():
    one = schedule()
    rates = [one.rate(step) / 2e-3 for step in (0, 24, 49, 1000, 1999, 2500, 2999)]
    assert rates == pytest.approx([1 / 50, 0.5, 1, 1, 1, 0.5, 1 / 1000])


def test_it_cools_down_once_little_is_unexplained():
    one = schedule()
    assert watch(one, [0.5, 0.3, 0.2, 0.1, 0.05, 0.05]) == 600
    assert one.cools_from == 400
    assert one.converged is True
    assert one.rate(500) == pytest.approx(1e-3)


def test_it_cools_down_where_nothing_gets_better():
    one = schedule()
    assert watch(one, [0.5, 0.4, 0.3, 0.3, 0.3] + [0.3] * 25) == 1500
    assert one.converged is True


def test_it_takes_all_steps_while_it_gets_better_and_says_that_it_had_not_converged():
    one = schedule()
    assert watch(one, [0.99**i for i in range(30)]) == 3000
    assert one.cools_from == 2000
    assert one.converged is False


def test_with_an_autoencoder_all_steps_are_taken():
    one = schedule(autoencoder_weight=0.5)
    assert watch(one, [0.05] * 30) == 3000
    assert one.converged is True


@pytest.mark.parametrize("steps", [*range(1, 40), 199, 200, 2000])
def test_a_training_that_nothing_ends_takes_the_steps_it_was_given(steps):
    one = schedule(steps)
    one.look(1, 0.9)
    assert (one.end, one.converged) == (steps, False)


def test_where_nobody_looks_all_steps_are_taken():
    one = schedule(unexplained=0)
    assert not any(one.looks(step) for step in range(3001))
    assert (one.end, one.converged) == (3000, None)


def test_a_plan_knows_the_fewest():
    assert fewest_steps(EfficientAdSettings(preset="quick").recipe, 3000) == 150
    assert fewest_steps(EfficientAdSettings(preset="quick").recipe, 20) == 20
    coded = EfficientAdSettings(autoencoder_weight=0.5)
    assert fewest_steps(coded.recipe, 3000) == 3000
    assert fewest_steps(EfficientAdSettings(preset="paper").recipe, 70_000) == 70_000
