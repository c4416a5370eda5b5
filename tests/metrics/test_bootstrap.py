"""The bootstrap against drawing images literally, and against itself at other settings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemish.metrics import bootstrap, tables
from blemish.metrics.bootstrap import binned_draws, image_draws, pixel_draws, resample
from blemish.metrics.catalogue import RestsOn, figures_of
from blemish.metrics.evidence import pixel_evidence
from blemish.metrics.intervals import percentiles
from blemish.metrics.pixels import PixelScores
from oracles.bootstrap import slow_figures, slow_image_draw

PIMO = (1e-3, 1e-2)


def surfaces(good=8, defective=8, side=64, seed=0):
    """Maps like a detector's: smooth noise, and higher in most of the defects."""
    rng = np.random.default_rng(seed)
    for number in range(good + defective):
        mask = np.zeros((side, side - number % 3), bool)
        if number >= good:
            for _ in range(rng.integers(1, 4)):
                y, x = rng.integers(0, side - 20, 2)
                mask[y : y + rng.integers(2, 18), x : x + rng.integers(2, 18)] = True
        noise = rng.standard_normal(mask.shape) + rng.normal(0, 0.3)
        score_map = noise + mask * rng.uniform(0.5, 3.0)
        yield score_map.astype(np.float32), mask


def collect(maps_and_masks, threshold=2.5):
    """The pixels collected, and counts of them; the caller closes them."""
    pixels = PixelScores(threshold)
    for number, (score_map, mask) in enumerate(maps_and_masks):
        kind = "spot" if mask.any() else "good"
        pixels.add(score_map, mask, name=str(number), kind=kind)
    return pixels, pixels.count(pimo_range=PIMO)


def exact_figures(pixels, counts):
    evidence = pixel_evidence(pixels, counts, pixels.aupimo(counts))
    return {figure.name: figure.value(evidence) for figure in figures_of("pixel")}


def test_a_draw_has_as_many_good_and_as_many_defective_images_as_there_are():
    labels = np.array([0, 1, 0, 1, 1, 0, 0], bool)
    times = resample(labels, draws=500, seed=3)
    assert times.shape == (500, 7)
    assert (times[:, labels].sum(axis=1) == 3).all()
    assert (times[:, ~labels].sum(axis=1) == 4).all()
    assert times.mean(axis=0) == pytest.approx(np.ones(7), abs=0.2)
    assert (resample(labels, draws=500, seed=3) == times).all()
    assert (resample(labels, draws=500, seed=4) != times).any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 20), st.sampled_from([0, 1, 7]))
def test_image_figures_of_a_draw_are_exactly_those_of_the_repeated_images(seed, count, digits):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 2 == 0)
    scores = np.round(rng.standard_normal(count) + labels, digits).astype(np.float32)
    times = resample(labels, draws=10, seed=seed)
    drawn = image_draws(scores, labels, 0.5, times)
    for number in range(10):
        expected = slow_image_draw(scores, labels, 0.5, times[number])
        assert set(drawn) == set(expected)
        for name, value in expected.items():
            assert drawn[name][number] == pytest.approx(value, abs=1e-12), name


def test_without_a_threshold_draws_at_it_are_undefined():
    labels = np.array([0, 0, 1, 1], bool)
    drawn = image_draws([1.0, 2.0, 3.0, 4.0], labels, None, resample(labels, draws=5))
    for figure in figures_of("image"):
        assert np.isnan(drawn[figure.name]).all() == figure.at_threshold, figure.name
    assert (drawn["auroc"] == 1).all()


def test_pixel_figures_of_a_draw_are_nearly_those_of_the_repeated_images():
    everything = list(surfaces())
    pixels, counts = collect(everything)
    with pixels:
        found = tables.tabulate(pixels, counts)
        exact = exact_figures(pixels, counts)
    times = resample(found.defective, draws=6, seed=1)
    drawn = pixel_draws(found, times, exact)
    for number, row in enumerate(times):
        repeated, own = collect([pair for pair, n in zip(everything, row, strict=True)
                                 for _ in range(n)])  # fmt: skip
        with repeated:
            expected = exact_figures(repeated, own)
        for name, value in expected.items():
            assert drawn[name][number] == pytest.approx(value, abs=1e-3), name


def test_decisions_and_regions_of_a_draw_are_exact():
    everything = list(surfaces(good=3, defective=3, side=32))
    pixels, counts = collect(everything)
    with pixels:
        found = tables.tabulate(pixels, counts)
    times = resample(found.defective, draws=5, seed=0)
    drawn = binned_draws(found, times)
    for number, row in enumerate(times):
        maps, masks = zip(*[pair for pair, n in zip(everything, row, strict=True)
                            for _ in range(n)], strict=True)  # fmt: skip
        flat = [np.concatenate([array.ravel() for array in part]) for part in (maps, masks)]
        expected = slow_figures(*flat, 2.5)
        for name in ("f1", "false_alarm_rate", "miss_rate"):
            assert drawn[name][number] == pytest.approx(expected[name], abs=1e-12)


def test_binning_moves_figures_by_far_less_than_drawing_images_does(monkeypatch):
    pixels, counts = collect(surfaces(good=12, defective=12))
    with pixels:
        found = tables.tabulate(pixels, counts)
        exact = exact_figures(pixels, counts)
        monkeypatch.setattr(tables, "STEPS", 10**5)
        fine = tables.tabulate(pixels, counts)
    assert found.negatives.shape[1] < fine.negatives.shape[1]
    times = resample(found.defective, draws=400, seed=0)
    whole = binned_draws(found, np.ones((1, 24), np.int32))
    coarse_draws, fine_draws = (pixel_draws(each, times, exact) for each in (found, fine))
    for name in (figure.name for figure in figures_of("pixel") if not figure.at_threshold):
        low, high = percentiles(fine_draws[name])
        assert high - low > 0.002
        assert abs(whole[name][0] - exact[name]) < 0.02 * (high - low), name
        assert percentiles(coarse_draws[name]) == pytest.approx((low, high), abs=(high - low) / 50)


def test_all_images_once_give_the_exact_figures():
    pixels, counts = collect(surfaces(side=40))
    with pixels:
        found, exact = tables.tabulate(pixels, counts), exact_figures(pixels, counts)
    drawn = pixel_draws(found, np.ones((1, 16), np.int32), exact)
    assert {name: values[0] for name, values in drawn.items()} == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("together", [1, 10**4])
def test_draws_do_not_depend_on_how_many_are_worked_on_at_a_time(monkeypatch, together):
    pixels, counts = collect(surfaces(good=3, defective=3, side=32))
    with pixels:
        found = tables.tabulate(pixels, counts)
    times = resample(found.defective, draws=7)
    expected = binned_draws(found, times)
    monkeypatch.setattr(bootstrap, "TOGETHER", together)
    for name, values in binned_draws(found, times).items():
        assert values == pytest.approx(expected[name], abs=1e-12)


def test_without_defects_draws_of_figures_that_need_them_are_undefined():
    pixels, counts = collect([(m, k) for m, k in surfaces(good=4, defective=0, side=32)])
    with pixels:
        found = tables.tabulate(pixels, counts)
    drawn = binned_draws(found, resample(found.defective, draws=3))
    for figure in figures_of("pixel"):
        undefined = figure.rests_on is not RestsOn.GOOD
        assert np.isnan(drawn[figure.name]).all() == undefined, figure.name


def test_without_images_all_draws_are_undefined():
    with PixelScores(threshold=0.0) as pixels:
        found = tables.tabulate(pixels, pixels.count())
    drawn = binned_draws(found, resample(found.defective, draws=3))
    assert all(np.isnan(values).all() for values in drawn.values())
