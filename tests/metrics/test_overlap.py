"""AU-PRO and AUPIMO against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemish.metrics.overlap import GoodRates, au_pro, pimo_worth, pro_curve
from blemish.metrics.pixels import PixelScores
from oracles.pixels import slow_au_pro, slow_aupimo, slow_pro_curve

LIMITS = (0.01, 0.05, 0.3, 1.0)
WIDE = (0.05, 0.7)  # false-positive rates that a few small images reach


def counted(maps, masks, **options):
    """Counts of images, and the AUPIMO of each."""
    with PixelScores(threshold=0.0) as pixels:
        for number, (score_map, mask) in enumerate(zip(maps, masks, strict=True)):
            kind = f"kind {number % 2}" if mask.any() else "good"
            pixels.add(score_map, mask, name=str(number), kind=kind)
        counts = pixels.count(**options)
        return counts, pixels.aupimo(counts)


@st.composite
def images(draw):
    """Small maps of various sizes with masks, at least one with a defect, with and without ties."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    levels = draw(st.sampled_from([2, 5, 100]))
    maps, masks = [], []
    for number in range(draw(st.integers(1, 5))):
        shape = tuple(rng.integers(1, 9, 2))
        mask = rng.random(shape) < (0.3 if number % 2 == 0 else 0.0)
        maps.append(rng.integers(-levels, levels, shape).astype(np.float32) + mask)
        masks.append(mask)
    masks[0][0, 0] = True
    return maps, masks


@settings(max_examples=100, deadline=None)
@given(images(), st.sampled_from(LIMITS))
def test_au_pro_equals_its_definition(case, limit):
    maps, masks = case
    counts, _ = counted(maps, masks)
    if all(mask.all() for mask in masks):
        assert au_pro(counts.whole, limit) is None
    else:
        assert au_pro(counts.whole, limit) == pytest.approx(slow_au_pro(*case, limit), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(images())
def test_aupimo_equals_its_definition(case):
    maps, masks = case
    counts, found = counted(maps, masks, pimo_range=WIDE)
    good = [m for m, k in zip(maps, masks, strict=True) if not k.any()]
    if not good or not counts.pimo_defined:
        assert found == [None] * len(maps)
        assert not good or min(np.mean([np.mean(m >= t) for m in good]) for t in tops(good)) > 0.05
    else:
        for value, slow in zip(found, slow_aupimo(maps, masks, *WIDE), strict=True):
            assert value == (None if slow is None else pytest.approx(slow, abs=1e-12))


def tops(maps):
    """The highest of all scores, as the one threshold with the lowest rate above 0."""
    return [max(score_map.max() for score_map in maps)]


@settings(max_examples=40, deadline=None)
@given(images(), st.randoms(use_true_random=False))
def test_nothing_changes_with_a_rising_map_of_the_scores_a_flip_or_another_order(case, random):
    maps, masks = case
    order = random.sample(range(len(maps)), len(maps))
    axis = random.choice([0, 1])
    changed = (
        [(m * 1e4 - 1e6).astype(np.float32) for m in maps],
        [np.flip(m, axis) for m in maps],
        [maps[i] for i in order],
    )
    ground = (masks, [np.flip(k, axis) for k in masks], [masks[i] for i in order])
    counts, found = counted(maps, masks, pimo_range=WIDE)
    for other_maps, other_masks in zip(changed, ground, strict=True):
        other, other_found = counted(other_maps, other_masks, pimo_range=WIDE)
        expected = au_pro(counts.whole, 0.3)
        assert au_pro(other.whole, 0.3) == (expected and pytest.approx(expected, abs=1e-12))
        assert sorted(v or 0 for v in other_found) == pytest.approx(sorted(v or 0 for v in found))


def test_without_a_defect_or_without_a_good_pixel_au_pro_is_undefined():
    counts, found = counted([np.eye(3)], [np.zeros((3, 3), bool)])
    assert (au_pro(counts.whole, 0.3), pro_curve(counts.whole)) == (None, None)
    assert found == [None]
    everywhere, _ = counted([np.ones((3, 4))], [np.ones((3, 4), bool)])
    assert au_pro(everywhere.whole, 0.3) is None


def test_without_a_good_image_aupimo_is_undefined():
    mask = np.eye(4, dtype=bool)
    counts, found = counted([mask.astype(np.float32)], [mask])
    assert (counts.good, counts.pimo_defined, found) == (None, False, [None])


def test_perfect_maps_have_an_au_pro_of_exactly_1():
    rng = np.random.default_rng(0)
    masks = [rng.random((30, 40)) < 0.1, np.zeros((20, 20), bool)]
    maps = [(rng.random(mask.shape) + mask).astype(np.float32) for mask in masks]
    counts, found = counted(maps, masks, pimo_range=(0.01, 0.1))
    assert all(au_pro(counts.whole, limit) == 1 for limit in LIMITS)
    assert found == [1, None]


def test_constant_maps_have_half_the_limit():
    masks = [np.eye(5, dtype=bool), np.zeros((5, 5), bool)]
    counts, found = counted([np.full((5, 5), -3e6, np.float32)] * 2, masks)
    assert au_pro(counts.whole, 0.3) == pytest.approx(0.15)
    assert found == [None, None]


def test_a_limit_outside_its_range_is_an_error():
    counts, _ = counted([np.eye(3)], [np.eye(3, dtype=bool)])
    for limit in (0.0, -0.1, 1.01):
        with pytest.raises(ValueError, match="limit"):
            au_pro(counts.whole, limit)
    with pytest.raises(ValueError, match="low"):
        pimo_worth(GoodRates(np.zeros(1), np.zeros(1), 1e-6), 1e-4, 1e-5)


def test_the_curve_goes_through_points_of_the_definition():
    rng = np.random.default_rng(1)
    masks = [rng.random((9, 9)) < 0.2 for _ in range(3)]
    maps = [np.round(rng.standard_normal((9, 9)) + mask, 1).astype(np.float32) for mask in masks]
    counts, _ = counted(maps, masks)
    rates, overlap = pro_curve(counts.whole)
    points = [*slow_pro_curve(maps, masks), (1.0, 1.0)]
    assert (np.diff(rates) >= 0).all()
    assert (np.diff(overlap) >= 0).all()
    for point in zip(rates, overlap, strict=True):
        assert min(np.hypot(*np.subtract(point, other)) for other in points) < 1e-9
