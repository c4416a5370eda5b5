"""The pixels that polygons and ellipses cover.

Convention: coordinates are continuous, `(x, y)`; the pixel in column x and row y reaches from
(x, y) to (x + 1, y + 1), so that a rectangle from x to x + w covers w columns.

A polygon is filled as pycocotools fills it, to the pixel, since that is what COCO's annotations are
measured by: corners go to the nearest fifth of a pixel, the border is walked from fifth to fifth,
and where it crosses the centre of a column, all pixels of that column below are turned over
(even-odd). Only the crossings are computed here, so that a corner far outside costs nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

STEPS = 5  # a pixel
CENTRE = 2  # of them, counted from 0

Ints = NDArray[np.int64]


def paint_polygon(mask: NDArray[np.bool_], points_xy: NDArray[np.float64]) -> bool:
    """Set the pixels that a polygon covers; whether there are any.

    Args:
        mask: H x W, painted on in place.
        points_xy: N x 2, its corners; the last leads to the first.
    """
    column, row = _crossings(points_xy, (mask.shape[0], mask.shape[1]))
    if not len(column):
        return False
    left, right = int(column.min()), int(column.max()) + 1
    top, bottom = int(row.min()), int(row.max())
    place = (column - left) * (bottom + 1 - top) + row - top
    turned = np.bincount(place, minlength=(right - left) * (bottom + 1 - top)) % 2 == 1
    inside = np.logical_xor.accumulate(turned.reshape(right - left, bottom + 1 - top), axis=1)
    mask[top:bottom, left:right] |= inside[:, :-1].T
    return bool(inside[:, :-1].any())


def paint_ellipse(
    mask: NDArray[np.bool_],
    centre_xy: tuple[float, float],
    radii_xy: tuple[float, float],
    degrees: float = 0.0,
) -> bool:
    """Set the pixels whose centres are in an ellipse; whether there are any.

    Args:
        mask: H x W, painted on in place.
        centre_xy: its centre.
        radii_xy: along its own axes, before it is turned.
        degrees: that it is turned by, clockwise as seen on a screen.
    """
    reach = max(radii_xy)
    height, width = mask.shape
    left, right = (_clipped(centre_xy[0] + side * reach, width) for side in (-1, 1))
    top, bottom = (_clipped(centre_xy[1] + side * reach, height) for side in (-1, 1))
    y, x = np.mgrid[top : bottom + 1, left : right + 1].astype(np.float64) + 0.5
    x, y = x - centre_xy[0], y - centre_xy[1]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    along, across = (cos * x + sin * y) / radii_xy[0], (cos * y - sin * x) / radii_xy[1]
    inside = (along**2 + across**2 <= 1)[: height - top, : width - left]
    mask[top : bottom + 1, left : right + 1] |= inside
    return bool(inside.any())


def _clipped(place: float, length: int) -> int:
    return int(min(max(place, 0.0), float(length)))


def _crossings(points_xy: NDArray[np.float64], size_hw: tuple[int, int]) -> tuple[Ints, Ints]:
    """Where the border crosses centres of columns: the column, and the first row below."""
    corners = np.trunc(STEPS * points_xy + 0.5).astype(np.int64)
    (xs, ys), (xe, ye) = corners.T, np.roll(corners, -1, axis=0).T
    dx, dy = np.abs(xe - xs), np.abs(ye - ys)
    flat = dx >= dy
    back = np.where(flat, xs > xe, ys > ye)  # an edge is the same whichever way it is walked
    x0, x1 = np.where(back, xe, xs), np.where(back, xs, xe)
    y0, y1 = np.where(back, ye, ys), np.where(back, ys, ye)

    height, width = size_hw
    after = STEPS - 1 - CENTRE
    first = np.clip((np.minimum(x0, x1) + after) // STEPS, 0, width)
    behind = np.clip((np.maximum(x0, x1) + after) // STEPS, 0, width)
    edge = np.repeat(np.arange(len(x0)), behind - first)
    start = np.cumsum(behind - first) - (behind - first)
    column = first[edge] + np.arange(len(edge)) - start[edge]
    fifth = STEPS * column + CENTRE

    x0, x1, y0, y1, dx, dy = (values[edge] for values in (x0, x1, y0, y1, dx, dy))
    y = np.where(
        flat[edge],
        _height_of_flat(fifth - x0, y0, (y1 - y0) / np.maximum(dx, 1)),
        y0 + _step_of_steep(fifth, x0, (x1 - x0) / np.maximum(dy, 1)),
    )
    row = np.ceil(np.clip((y + 0.5) / STEPS - 0.5, 0, height)).astype(np.int64)
    return column, row


def _height_of_flat(step: Ints, y0: Ints, slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """The higher of both ends of the step that crosses a centre, of an edge walked along x."""
    heights = (np.trunc(y0 + slope * at + 0.5) for at in (step, step + 1))
    lowest: NDArray[np.float64] = np.minimum(*heights)
    return lowest


def _step_of_steep(fifth: Ints, x0: Ints, slope: NDArray[np.float64]) -> Ints:
    """The step that crosses a centre, of an edge walked along y."""
    slope = np.where(slope == 0, 1.0, slope)  # crosses none
    rising = slope > 0

    def before(step: Ints) -> NDArray[np.bool_]:
        x = np.trunc(x0 + slope * step + 0.5)
        reached: NDArray[np.bool_] = np.where(rising, x <= fifth, x > fifth)
        return reached

    step = np.floor((fifth + 0.5 - x0) / slope).astype(np.int64)
    for _ in range(2):  # it may be off by one by rounding
        step += before(step + 1)
        step -= ~before(step)
    return step
