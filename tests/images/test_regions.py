"""Connected regions against SciPy's labelling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from blemish.images.regions import find_regions, label_regions

EIGHT = np.ones((3, 3), int)


def scipy_regions(flagged):
    """(area, box) of each region, by SciPy."""
    labels, count = ndimage.label(flagged, EIGHT)
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    boxes = [(x.start, y.start, x.stop, y.stop) for y, x in ndimage.find_objects(labels)]
    return sorted(zip(areas.tolist(), boxes, strict=True))


def own_regions(flagged):
    regions = find_regions(flagged.astype(np.float32), 0.5)
    return sorted((region.area_px, region.box_xyxy) for region in regions)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.05, 0.95), st.integers(0, 10**6))
def test_regions_equal_those_of_scipy(height, width, density, seed):
    flagged = np.random.default_rng(seed).random((height, width)) < density
    assert own_regions(flagged) == scipy_regions(flagged)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1), st.integers(0, 10**6))
def test_pixels_have_the_number_of_their_region(height, width, density, seed):
    mask = np.random.default_rng(seed).random((height, width)) < density
    numbers, labels = label_regions(mask), ndimage.label(mask, EIGHT)[0][mask]
    pairs = set(zip(numbers.tolist(), labels.tolist(), strict=True))
    assert len(pairs) == labels.max(initial=0)  # one number for each label, and the other way round
    assert {number for number, _ in pairs} == set(range(len(pairs)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (33, 47)])
def test_regions_have_the_area_box_and_peak_of_their_pixels(shape):
    rng = np.random.default_rng(3)
    score_map = ndimage.gaussian_filter(rng.standard_normal(shape), 1.5).astype(np.float32)
    threshold = float(np.quantile(score_map, 0.7))
    labels, count = ndimage.label(score_map > threshold, EIGHT)
    regions = find_regions(score_map, threshold)
    assert len(regions) == count
    for region in regions:
        x, y = region.peak_xy
        own = labels == labels[y, x]
        rows, columns = np.nonzero(own)
        assert region.area_px == own.sum()
        assert region.box_xyxy == (
            columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        )  # fmt: skip
        assert region.peak_score == score_map[own].max() == score_map[y, x]


def test_regions_come_with_the_highest_peak_first():
    score_map = np.zeros((5, 9), np.float32)
    score_map[1, 1], score_map[3, 4:6], score_map[2, 8] = 2, 5, 3
    assert [r.peak_score for r in find_regions(score_map, 1.0)] == [5, 3, 2]


def test_small_regions_are_left_out():
    score_map = np.zeros((5, 9), np.float32)
    score_map[1, 1], score_map[3, 4:7] = 9, 5
    assert [r.area_px for r in find_regions(score_map, 1.0, smallest_px=2)] == [3]


def test_a_pixel_at_the_threshold_is_not_above_it():
    assert find_regions(np.full((4, 4), 2.0, np.float32), 2.0) == ()


def test_a_spiral_is_one_region():
    flagged = np.zeros((21, 21), bool)
    for ring in range(0, 10, 2):
        flagged[ring, ring : 21 - ring] = flagged[20 - ring, ring : 21 - ring] = True
        flagged[ring : 21 - ring, 20 - ring] = True
        flagged[ring + 2 : 21 - ring, ring] = True
        flagged[ring + 2, ring : ring + 3] = True
    assert len(scipy_regions(flagged)) == 1
    assert own_regions(flagged) == scipy_regions(flagged)
