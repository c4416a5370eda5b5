from __future__ import annotations

import numpy as np
import pytest

from blemish.monitor import bets
from blemish.monitor.bets import BETS, Bets, Kept

ALL = ("low", "high", "alike")


def test_each_bet_is_fair():
    """Its mean over even p-values is 1; powers need a fine grid near their pole."""
    edges = np.concatenate([[0], np.geomspace(1e-12, 0.5, 200_001)])
    middles = (edges[1:] + edges[:-1]) / 2
    both = np.concatenate([middles, 1 - middles])
    widths = np.tile(np.diff(edges), 2)
    means = (bets._densities(both) * widths[:, None]).sum(axis=0)
    assert np.abs(means - 1).max() < 5e-3


def test_what_stakes_become_is_a_sum_over_starts():
    """The slow twin: of each start and bet, the product of densities since."""
    p_values = np.random.default_rng(0).random(30)
    watched = Bets([ALL])
    for p_value in p_values:
        watched.update(np.array([p_value]), np.array([0]))
    densities = bets._densities(p_values)
    stakes = np.concatenate([np.full(count, 1 / count / 3) for count in BETS.values()])
    of_starts = [stakes * densities[start:].prod(axis=0) for start in range(30)]
    assert watched.rate[0] == pytest.approx(np.sum(of_starts))
    left = [1 / (1 + np.log1p(parts / bets.SOON)) for parts in range(31)]
    put = np.array(left[:-1]) - np.array(left[1:])
    ever = left[-1] + sum(share * one.sum() for share, one in zip(put, of_starts, strict=True))
    assert watched.ever[0] == pytest.approx(ever)


@pytest.mark.parametrize("kinds", [ALL, ("low",)])
def test_by_chance_alone_thresholds_are_passed_no_more_often_than_is_promised(kinds):
    lines, parts = 3000, 400
    rng = np.random.default_rng(1)
    watched = Bets([kinds] * lines)
    rate, ever = np.zeros(lines), np.zeros(lines)
    for _ in range(parts):
        watched.update(rng.random(lines), np.arange(lines))
        rate, ever = np.maximum(rate, watched.rate), np.maximum(ever, watched.ever)
    assert watched.rate.mean() < 2.5 * parts  # parts, on average: with a tail that is heavy
    for threshold in (2, 5, 20):
        assert (ever >= threshold).mean() <= 1 / threshold + 0.01
    for threshold in (5 * parts, 20 * parts):
        assert (rate >= threshold).mean() <= parts / threshold + 0.01


@pytest.mark.parametrize(
    ("kind", "draw"),
    [
        ("low", lambda rng: rng.random() * 0.02),
        ("high", lambda rng: 1 - rng.random() * 0.02),
        ("alike", lambda rng: 0.42 + 0.01 * rng.random()),
    ],
)
def test_a_change_is_told_by_its_kind_and_beginning(kind, draw):
    rng = np.random.default_rng(2)
    watched = Bets([ALL])
    for part in range(520):
        watched.update(np.array([rng.random() if part < 500 else draw(rng)]), np.array([0]))
    told, since = watched.told(0)
    assert told == kind
    assert abs(since - 501) < 10
    assert watched.rate[0] > 1e6


def test_streams_do_not_mix_and_may_miss_parts():
    rng = np.random.default_rng(3)
    both, alone = Bets([ALL, ("low",)]), Bets([ALL])
    for part in range(50):
        p_value = rng.random()
        alone.update(np.array([p_value]), np.array([0]))
        streams = [0, 1] if part % 3 else [0]
        both.update(np.array([p_value, rng.random()][: len(streams)]), np.array(streams))
    assert both.rate[0] == alone.rate[0]
    assert both.parts.tolist() == [50, 33]


def test_a_bet_that_is_won_for_ever_stays_a_number():
    watched = Bets([ALL])
    for _ in range(500):
        watched.update(np.array([0.0]), np.array([0]))
    assert np.isfinite(watched.rate).all()
    assert np.isfinite(watched.ever).all()


def test_what_was_kept_goes_on_to_the_bit():
    rng = np.random.default_rng(4)
    one, other = Bets([ALL]), Bets([ALL])
    for _ in range(20):
        one.update(rng.random(1), np.array([0]))
    other.keep(0, one.kept(0))
    for p_value in rng.random((20, 1)):
        one.update(p_value, np.array([0]))
        other.update(p_value, np.array([0]))
    assert one.kept(0) == other.kept(0)


@pytest.mark.parametrize(
    "kept", [Kept(3, (), (), (), ()), Kept(3, (-1.0,) * 24, (0.0,) * 24, (1.0,) * 24, (1,) * 24)]
)
def test_what_cannot_have_been_is_refused(kept):
    with pytest.raises(ValueError, match="bets"):
        Bets([ALL]).keep(0, kept)
