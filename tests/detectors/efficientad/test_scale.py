"""Maps of several nets on one scale, so that left-out images score as new ones."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.detectors.efficientad.scale import Maps, Measured, Span, common_scale

LOW, HIGH = 0.9, 0.995


def maps(rng, count, *, scale=1.0, shift=0.0):
    """Maps of a net whose differences are so much larger than another's."""
    student, autoencoder = (
        (scale * rng.gamma(2, size=(count, 16, 16)) + shift).astype(np.float32) for _ in range(2)
    )
    return Maps(list(range(count)), {"student": student, "autoencoder": autoencoder})


def test_with_nets_trained_once_it_is_the_quantiles_of_the_images_held_out():
    rng = np.random.default_rng(0)
    one = Measured(maps(rng, 20), maps(rng, 4, scale=1.3))
    (found,) = common_scale([one], LOW, HIGH)
    wanted = one.left_out.quantiles(LOW, HIGH)
    assert found.keys() == wanted.keys()
    for branch, ours in found.items():
        assert (ours.low, ours.high) == pytest.approx((wanted[branch].low, wanted[branch].high))


def test_nets_with_larger_differences_give_the_same_scores():
    rng = np.random.default_rng(0)
    parts = [(maps(rng, 12), maps(rng, 6)) for _ in range(3)]
    ships = maps(rng, 18)
    plain = common_scale([*(Measured(*part) for part in parts), Measured(ships, None)], LOW, HIGH)

    def larger(some):
        student, autoencoder = some.values.values()
        return Maps(some.positions, {"student": student * 3 + 1, "autoencoder": autoencoder * 0.2})

    seen, left_out = map(larger, parts[1])
    rounds = [Measured(*parts[0]), Measured(seen, left_out), Measured(*parts[2])]
    scaled = common_scale([*rounds, Measured(ships, None)], LOW, HIGH)
    for number in (0, 2, 3):
        assert plain[number]["student"].low == pytest.approx(scaled[number]["student"].low)
        assert plain[number]["student"].high == pytest.approx(scaled[number]["student"].high)
    np.testing.assert_allclose(
        scaled[1]["student"].place(left_out.values["student"]),
        plain[1]["student"].place(parts[1][1].values["student"]),
        rtol=1e-4, atol=1e-4,
    )  # fmt: skip


def test_left_out_images_score_as_new_ones_under_the_nets_that_ship():
    """Nets of parts end on scales of their own; new images are no more often beyond them."""
    rng = np.random.default_rng(1)
    beyond = []
    for _ in range(60):
        scales = rng.uniform(0.7, 1.4, 4)
        rounds = [Measured(maps(rng, 12, scale=s), maps(rng, 5, scale=1.2 * s)) for s in scales[:3]]
        quantiles = common_scale(
            [*rounds, Measured(maps(rng, 17, scale=scales[3]), None)], LOW, HIGH
        )
        left_out = np.concatenate([
            q["student"].place(one.left_out.values["student"]).max((1, 2))
            for q, one in zip(quantiles, rounds, strict=False)
        ])  # fmt: skip
        fresh = maps(rng, 20, scale=1.2 * scales[3]).values["student"]
        new = quantiles[-1]["student"].place(fresh).max((1, 2))
        beyond.append((new > left_out.max()).mean())
    assert np.mean(beyond) == pytest.approx(1 / 16, abs=0.03)


def test_where_nothing_was_left_out_the_images_seen_serve():
    seen = maps(np.random.default_rng(0), 3)
    (found,) = common_scale([Measured(seen, None)], LOW, HIGH)
    wanted = seen.quantiles(LOW, HIGH)
    assert found["student"].high == pytest.approx(wanted["student"].high)


def test_maps_that_do_not_vary_have_a_width_all_the_same():
    assert Span(2.0, 2.0).width == pytest.approx(2e-6)
    assert Span(0.0, 0.0).width > 0
    still = Maps([0], {"student": np.ones((1, 4, 4), np.float32)})
    (found,) = common_scale([Measured(still, still)], LOW, HIGH)
    assert found == {"student": Span(1.0, 1.0)}
