"""How long the rest will take, on a clock of the test's own."""

from __future__ import annotations

from itertools import pairwise

import pytest

from blemish.progress import Ahead, Pace


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def guesses(times, *, every=0.1):
    """Pairs of what is told to be left, and what is: a step is done at each of `times`."""
    clock = Clock()
    start, end, ticks = clock.now, times[-1], int(times[-1] / every)
    pace = Pace("training", len(times), clock=clock)
    events = sorted([(at, 1) for at in times] + [(every * tick, 0) for tick in range(ticks)])
    for at, steps in events:
        clock.now = start + at
        pace.add(steps)
        if not steps:
            yield pace.left_seconds(), end - at


STEADY = [0.25 * (i + 1) for i in range(400)]
SLOW_FIRST = [20 + 0.1 * i for i in range(800)]
FOLDS = [20 * (1 + i // 40) + 0.01 * (i % 40) for i in range(200)]  # a bank each, then images
LUMPS = [100.0 * (1 + i // 100) for i in range(400)]
GONE_ON_WITH = [0.0] * 90_000 + [0.5 * (i + 1) for i in range(200)]
SLOWER = [0.1 * i for i in range(1, 500)] + [50 + 0.5 * i for i in range(500)]


@pytest.mark.parametrize(
    ("times", "factor"),
    [(STEADY, 1.2), (SLOW_FIRST, 6), (FOLDS, 2.5), (LUMPS, 2.5), (GONE_ON_WITH, 1.2), (SLOWER, 6)],
    ids=["steady", "slow first", "folds", "lumps", "gone on with", "slower"],
)
def test_what_is_left_is_never_wrong_by_much(times, factor):
    told = [pair for pair in guesses(times) if pair[0] is not None and pair[1] > 2]
    assert len(told) * 0.1 > 0.5 * times[-1]  # and it is told
    for left, true in told:
        assert left <= factor * true + 2
        assert left >= true / factor - 2


def test_time_is_told_once_it_can_be_known():
    clock = Clock()
    pace = Pace("training", 800, clock=clock)
    assert str(pace) == "training 0 of 800"
    clock.now += 60
    pace.add(1)  # and nobody knows whether the next one is about to come
    assert str(pace) == "training 1 of 800"
    clock.now += 100
    pace.add(399, "loss 0.5")
    clock.now += 40
    assert str(pace) == "training 400 of 800, 60 s left, loss 0.5"


def test_between_two_steps_the_time_goes_on_and_what_is_overdue_is_not_known():
    clock = Clock()
    pace = Pace("downloading", 3, clock=clock)
    clock.now += 100
    pace.add(1)
    clock.now += 50
    assert pace.left_seconds() == pytest.approx(150)
    clock.now += 200
    assert pace.left_seconds() is None


def test_many_steps_are_kept_in_little_memory():
    clock = Clock()
    pace = Pace("training", 10**6, clock=clock)
    for _ in range(20_000):
        clock.now += 0.01
        pace.add(1)
    assert len(pace._seen) < 1000
    assert pace.left_seconds() == pytest.approx(9_800, rel=0.01)


def test_the_rest_of_the_work_is_that_of_all_stages_corrected_by_those_done():
    clock = Clock()
    ahead = Ahead({"features": 100, "coreset": 50, "leave out": 200})
    ahead.add("Features", 200.0)  # twice as long as guessed
    pace = Pace("coreset", 10, clock=clock)
    assert ahead.left_seconds(pace) is None
    for _ in range(5):
        clock.now += 10
        pace.add(1)
    assert ahead.left_seconds(pace) == pytest.approx(50 + 2 * 200, rel=0.05)
    ahead.add("coreset", 100.0)
    pace = Pace("leave out", 10, clock=clock)
    for _ in range(5):
        clock.now += 10  # half as long as guessed
        pace.add(1)
    assert ahead.left_seconds(pace) == pytest.approx(50)
    assert ahead.left_seconds(Pace("elsewhere", 3, clock=clock)) is None


def test_of_several_stages_of_a_kind_those_to_come_count():
    clock, left = Clock(), []
    ahead = Ahead({"drawing": 10, "training": 500})
    for number in range(1, 6):
        pace = Pace(f"training {number}/5", 100, clock=clock)
        for _ in range(100):
            clock.now += 1
            pace.add(1)
            left.append(ahead.left_seconds(pace))
        ahead.add(pace.name, pace.seconds)
    known = [seconds for seconds in left if seconds is not None]
    assert known[0] == pytest.approx(500, rel=0.1)
    assert all(after < before + 10 for before, after in pairwise(known))
    assert known[-1] < 5
