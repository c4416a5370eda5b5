"""Outlines filled again, by both rules, and their rings against SciPy's holes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from blemish.images.outlines import one_ring
from blemish.images.polygons import paint_polygon
from blemish.images.regions import find_regions

EIGHT = np.ones((3, 3), int)


def outlined(mask):
    return find_regions(np.asarray(mask, np.float32), 0.5, outlines=True)


def edges(ring):
    return list(pairwise([*ring, ring[0]]))


def windings(rings, shape):
    """How often the rings go around each pixel, clockwise as seen on a screen."""
    times = np.zeros(shape, int)
    for ring in rings:
        for (x, y), (_, other) in edges(ring):
            times[min(y, other) : max(y, other), :x] += np.sign(other - y)
    return times


def area(ring):
    """By the shoelace formula; positive where the ring goes clockwise on a screen."""
    return sum(x * below - right * y for (x, y), (right, below) in edges(ring)) / 2


masks = st.builds(
    lambda height, width, share, seed: np.random.default_rng(seed).random((height, width)) < share,
    st.integers(1, 24),
    st.integers(1, 24),
    st.floats(0.05, 0.95),
    st.integers(0, 10**6),
)


@settings(max_examples=200, deadline=None)
@given(masks)
def test_filled_outlines_are_the_mask_by_either_rule(mask):
    times = sum((windings(r.outline_xy, mask.shape) for r in outlined(mask)), np.zeros(mask.shape))
    np.testing.assert_array_equal(times, mask)


@settings(max_examples=200, deadline=None)
@given(masks)
def test_areas_of_rings_add_up_to_that_of_their_region(mask):
    for region in outlined(mask):
        outer, *holes = map(area, region.outline_xy)
        assert outer > 0 > max(holes, default=-1)
        assert outer + sum(holes) == region.area_px


@settings(max_examples=200, deadline=None)
@given(masks)
def test_one_ring_goes_around_a_region_and_one_around_each_of_its_holes(mask):
    labels, _ = ndimage.label(mask, EIGHT)
    for region in outlined(mask):
        x, y = region.peak_xy
        own = labels == labels[y, x]
        holes, count = ndimage.label(ndimage.binary_fill_holes(own) & ~own)  # 4-connected
        outer, *others = region.outline_xy
        np.testing.assert_array_equal(windings([outer], mask.shape), own | (holes > 0))
        assert len(others) == count
        for ring in others:
            filled = -windings([ring], mask.shape)
            number = holes[filled == 1].max()
            np.testing.assert_array_equal(filled, holes == number)


@settings(max_examples=200, deadline=None)
@given(masks)
def test_rings_turn_at_each_corner_and_begin_at_the_first_in_reading_order(mask):
    for region in outlined(mask):
        for ring in region.outline_xy:
            upright = [x == right for (x, _), (right, _) in edges(ring)]
            level = [y == below for (_, y), (_, below) in edges(ring)]
            assert upright == [not flat for flat in level]
            assert all(one != following for one, following in pairwise([*level, level[0]]))
            assert ring[0] == min(ring, key=lambda point: point[::-1])
        assert region.outline_xy == tuple(
            sorted(region.outline_xy, key=lambda ring: ring[0][::-1])
        )  # the outer one first


def drawn(picture):
    return np.array([[sign == "#" for sign in line.split()] for line in picture.splitlines()])


def test_a_hole_has_a_ring_of_its_own_and_a_corner_that_two_pixels_share_is_passed_twice():
    (region,) = outlined(
        drawn(
            """. . . . . .
               . # # # . .
               . # . # . .
               . # # # . .
               . . . . # ."""
        )
    )
    assert region.outline_xy == (
        ((1, 1), (4, 1), (4, 4), (5, 4), (5, 5), (4, 5), (4, 4), (1, 4)),
        ((2, 2), (2, 3), (3, 3), (3, 2)),
    )


def test_a_gap_closed_by_a_corner_alone_makes_a_hole():
    (region,) = outlined(
        drawn(
            """. # #
               # . #
               # # #"""
        )
    )
    assert region.outline_xy == (
        ((1, 0), (3, 0), (3, 3), (0, 3), (0, 1), (1, 1)),
        ((1, 1), (1, 2), (2, 2), (2, 1)),
    )


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 40), (40, 1), (7, 9)])
def test_an_image_that_is_flagged_everywhere_has_its_border_as_outline(size_hw):
    height, width = size_hw
    (region,) = outlined(np.ones(size_hw))
    assert region.outline_xy == (((0, 0), (width, 0), (width, height), (0, height)),)


def test_outlines_are_traced_where_they_are_asked_for():
    score_map = np.ones((3, 3), np.float32)
    (plain,) = find_regions(score_map, 0.5)
    (region,) = find_regions(score_map, 0.5, outlines=True)
    assert plain.outline_xy is None
    assert "outline_xy" not in plain.to_dict()
    outline = [[[0, 0], [3, 0], [3, 3], [0, 3]]]
    assert region.to_dict() == plain.to_dict() | {"outline_xy": outline}


@settings(max_examples=200, deadline=None)
@given(masks)
def test_one_ring_covers_the_same_pixels_by_either_rule(mask):
    times = np.zeros(mask.shape, int)
    painted = np.zeros(mask.shape, np.bool_)
    for region in outlined(mask):
        ring = one_ring(region.outline_xy)
        times += windings([ring], mask.shape)
        paint_polygon(painted, np.array(ring, float))
    np.testing.assert_array_equal(times, mask)
    np.testing.assert_array_equal(painted, mask)


@settings(max_examples=100, deadline=None)
@given(masks)
def test_lines_between_rings_run_upwards_through_pixels_of_the_region(mask):
    for region in outlined(mask):
        own = np.zeros(mask.shape, np.bool_)
        paint_polygon(own, np.array(one_ring(region.outline_xy), float))
        outline = {edge for ring in region.outline_xy for edge in units(ring)}
        for (x, y), (other, above) in units(one_ring(region.outline_xy)):
            if ((x, y), (other, above)) in outline:
                continue
            assert x == other
            assert own[min(y, above), x]


def units(ring):
    """The edges of a ring in steps of one pixel."""
    for (x, y), (right, below) in edges(ring):
        steps = max(abs(right - x), abs(below - y))
        across, down = np.sign(right - x), np.sign(below - y)
        for k in range(steps):
            start = (int(x + k * across), int(y + k * down))
            yield start, (int(start[0] + across), int(start[1] + down))
