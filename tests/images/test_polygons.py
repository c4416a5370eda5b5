from __future__ import annotations

import math

import numpy as np
import pytest

from blemish.images.polygons import paint_ellipse, paint_polygon


def painted(points, size_hw):
    mask = np.zeros(size_hw, np.bool_)
    paint_polygon(mask, np.array(points, np.float64))
    return mask


def pictured(mask):
    return ["".join(".#"[value] for value in row) for row in mask.astype(int)]


def test_a_rectangle_covers_as_many_pixels_as_it_is_wide_and_high():
    mask = painted([(1, 1), (5, 1), (5, 3), (1, 3)], (4, 6))
    assert pictured(mask) == ["......", ".####.", ".####.", "......"]


def test_what_is_within_twice_is_outside():
    ring = [(0, 0), (5, 0), (5, 5), (0, 5), (0, 0), (1, 1), (1, 4), (4, 4), (4, 1), (1, 1)]
    assert pictured(painted(ring, (5, 5))) == ["#####", "#...#", "#...#", "#...#", "#####"]


def test_what_lies_outside_is_cut_off():
    assert painted([(-1e6, -1e6), (1e6, -1e6), (1e6, 1e6), (-1e6, 1e6)], (3, 4)).all()
    assert not painted([(10, 0), (20, 0), (20, 9)], (3, 4)).any()
    assert not painted([(-9, 0), (-1, 0), (-1, 9)], (3, 4)).any()


def test_painting_adds_to_what_is_there():
    mask = painted([(0, 0), (1, 0), (1, 1), (0, 1)], (2, 2))
    paint_polygon(mask, np.array([(1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0)]))
    assert pictured(mask) == ["#.", ".#"]


def polygons(count):
    """Random polygons: whole and broken numbers, repeated corners, far outside, crossing."""
    rng = np.random.default_rng(5)
    for number in range(count):
        height, width = (int(side) for side in rng.integers(1, 70, 2))
        corners = rng.uniform(-0.3, 1.3, (rng.integers(3, 14), 2)) * [width, height]
        if number % 5 == 1:
            corners = np.round(corners)
        if number % 5 == 2:
            corners = np.round(corners, 1)
            corners[0] = corners[-1]
        if number % 5 == 3:
            corners = corners * 20 - 10 * np.array([width, height])
        if number % 5 == 4:
            corners = np.repeat(corners, 2, axis=0)
        yield corners, (height, width)


def test_polygons_are_filled_as_pycocotools_fills_them():
    mask_utils = pytest.importorskip("pycocotools.mask")
    for corners, size_hw in polygons(1000):
        (expected,) = mask_utils.frPyObjects([corners.reshape(-1).tolist()], *size_hw)
        assert np.array_equal(painted(corners, size_hw), mask_utils.decode(expected) == 1)


def test_an_ellipse_covers_the_pixels_whose_centres_are_inside():
    rng = np.random.default_rng(6)
    for _ in range(50):
        height, width = (int(side) for side in rng.integers(1, 30, 2))
        centre = tuple(rng.uniform(-5, 35, 2).tolist())
        radii = tuple(rng.uniform(0.3, 20, 2).tolist())
        degrees = float(rng.uniform(-180, 180))
        mask = np.zeros((height, width), np.bool_)
        paint_ellipse(mask, centre, radii, degrees)
        turn = math.radians(degrees)
        for row in range(height):
            for column in range(width):
                x, y = column + 0.5 - centre[0], row + 0.5 - centre[1]
                along = x * math.cos(turn) + y * math.sin(turn)
                across = y * math.cos(turn) - x * math.sin(turn)
                inside = (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1
                assert mask[row, column] == inside
