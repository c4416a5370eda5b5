"""Pixels and regions that good images show: expected without bias, from few maps."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from blemish.calibration import conformal_threshold
from blemish.calibration.false_regions import FalseRegions, StatedRegions, expect_false_regions
from blemish.images.regions import find_regions
from blemish.typed_json import as_json, as_type


def drawn_maps(rng, count):
    """Smooth noise: some maps peak once, some several times."""
    noise = rng.normal(size=(count, 14, 14)) * rng.uniform(0.5, 1.5, (count, 1, 1))
    return ((noise[:, 1:, 1:] + noise[:, :-1, :-1]) / 2).astype(np.float32)


def peaks_of(maps):
    return {f"{i:03}": float(one.max()) for i, one in enumerate(maps)}


@pytest.mark.parametrize("smallest", [1, 2])
def test_what_is_expected_is_what_new_images_show(smallest):
    rng = np.random.default_rng(0)
    expected, seen = [], []
    for _ in range(1500):
        maps = drawn_maps(rng, 40)
        new, old = maps[-1], maps[:-1]
        peaks = peaks_of(old)
        found = expect_false_regions(
            peaks, 0.1, lambda name, old=old: old[int(name)], smallest_region_px=smallest
        )
        threshold = conformal_threshold(list(peaks.values()), 0.1)
        regions = find_regions(new, threshold, smallest_px=smallest)
        expected.append((found.pixels, found.regions, found.images))
        seen.append((np.count_nonzero(new > threshold), len(regions), bool(regions)))
    expected, seen = np.array(expected), np.array(seen, float)
    error = seen.std(axis=0) / np.sqrt(len(seen)) + expected.std(axis=0) / np.sqrt(len(seen))
    assert np.all(np.abs(expected.mean(axis=0) - seen.mean(axis=0)) < 4 * error)


def test_regions_of_one_pixel_are_in_as_many_images_as_was_promised():
    maps = drawn_maps(np.random.default_rng(1), 99)
    found = expect_false_regions(peaks_of(maps), 0.05, lambda name: maps[int(name)])
    assert found.images == pytest.approx(0.05)
    assert found.regions >= found.images
    assert found.pixels >= found.regions


def test_only_the_maps_that_can_show_something_are_made():
    maps = drawn_maps(np.random.default_rng(2), 199)
    peaks, asked = peaks_of(maps), []

    def map_of(name):
        asked.append(name)
        return maps[int(name)]

    expect_false_regions(peaks, 0.02, map_of)
    assert asked == sorted(peaks, key=peaks.get)[::-1][:4]


def test_too_few_images_tell_nothing():
    assert expect_false_regions({"a": 1.0, "b": 2.0}, 0.9, lambda _: None) is None


def test_figures_are_written_in_the_units_people_read_and_read_again():
    found = FalseRegions(pixels=3.5, regions=0.012, images=0.01)
    told = as_json(found.stated())
    assert told["regions_per_thousand"] == pytest.approx(12)
    again = as_type(told, StatedRegions).figures()
    assert astuple(again) == pytest.approx(astuple(found))
