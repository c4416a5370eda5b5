from __future__ import annotations

import numpy as np
import pytest

from blemish.monitor import ranks
from blemish.monitor.ranks import Ranks


def test_a_p_value_is_the_share_of_ranks_at_least_as_high():
    seen = Ranks.of([1.0, 2.0, 3.0])
    assert seen.p_value(2.5, 0.5) == (1 + 0.5) / 4  # one above, and itself
    assert seen.known == 4
    assert seen.p_value(9.0, 0.25) == 0.25 / 5
    assert seen.p_value(-9.0, 0.75) == (5 + 0.75) / 6


def test_the_first_value_of_all_tells_nothing():
    assert Ranks().p_value(7.0, 0.3) == 0.3


def test_p_values_are_those_of_a_plain_count_until_values_are_let_go():
    rng = np.random.default_rng(0)
    seen = Ranks.of(rng.normal(size=50).tolist())
    known = list(seen.kept)
    for value, chance in zip(rng.normal(size=200), rng.random(200), strict=True):
        above = sum(other > value for other in known)
        assert seen.p_value(value, chance) == (above + chance) / (len(known) + 1)
        known.append(value)


def test_values_that_are_let_go_still_count():
    """What is told lies within the place of the true rank, near both ends at it."""
    rng = np.random.default_rng(1)
    known = np.sort(rng.normal(size=300))
    seen = Ranks.of(known.tolist())
    assert len(seen.kept) < 300
    for number in range(5000):
        value = rng.normal()
        above = len(known) - np.searchsorted(known, value)
        true = (above + 0.5) / (len(known) + 1)
        told = seen.p_value(value, 0.5)
        assert abs(told - true) <= ranks.COARSEST * min(true, 1 - true) + 1 / (len(known) + 1)
        known = np.insert(known, np.searchsorted(known, value), value)
        assert seen.known == 301 + number
    assert sum(seen.places) == seen.total


@pytest.mark.parametrize("start", [0, 40, 1000])
def test_p_values_of_exchangeable_values_are_even_and_apart_from_each_other(start):
    rng = np.random.default_rng(2)
    p_values = []
    for _ in range(60):
        seen = Ranks.of(rng.standard_cauchy(start).tolist())
        chances = rng.random(500)
        p_values.append(
            [seen.p_value(v, c) for v, c in zip(rng.standard_cauchy(500), chances, strict=True)]
        )
    found = np.array(p_values)
    counts = np.histogram(found, bins=20, range=(0, 1))[0]
    expected = found.size / 20
    assert ((counts - expected) ** 2 / expected).sum() < 45  # 19 degrees of freedom: one in 1500
    for apart in (1, 7):
        pairs = found[:, :-apart].ravel(), found[:, apart:].ravel()
        assert abs(np.corrcoef(*pairs)[0, 1]) < 0.025


def test_the_luck_of_a_few_training_images_is_not_found_however_long_the_line():
    """Against a set that stays the same it would be: its p-values are not even."""
    rng = np.random.default_rng(3)
    train = rng.normal(size=20)
    line = rng.normal(size=20_000)
    against_all = Ranks.of(train.tolist())
    p_values = [against_all.p_value(v, c) for v, c in zip(line, rng.random(20_000), strict=True)]
    stays = (20 - np.searchsorted(np.sort(train), line) + rng.random(20_000)) / 21

    def unevenness(values):
        counts = np.histogram(values, bins=10, range=(0, 1))[0]
        return ((counts - 2000) ** 2 / 2000).sum()

    assert unevenness(p_values) < 30
    assert unevenness(stays) > 100


def test_memory_grows_with_the_logarithm_alone():
    rng = np.random.default_rng(4)
    seen = Ranks()
    for value, chance in zip(rng.normal(size=60_000), rng.random(60_000), strict=True):
        seen.p_value(value, chance)
    assert len(seen.kept) <= 260
    assert seen.known == 60_000
    assert abs(seen.median()) < 0.2


def test_what_was_kept_goes_on_to_the_bit():
    rng = np.random.default_rng(5)
    one = Ranks.of(rng.normal(size=400).tolist())
    other = Ranks(one.kept, one.places)
    for value, chance in zip(rng.normal(size=300), rng.random(300), strict=True):
        assert one.p_value(value, chance) == other.p_value(value, chance)


@pytest.mark.parametrize(
    ("kept", "places"), [([1.0], [1]), ([2.0, 1.0], [1, 1, 1]), ([1.0], [1, 0])]
)
def test_what_cannot_have_been_is_refused(kept, places):
    with pytest.raises(ValueError, match="places"):
        Ranks(kept, places)
