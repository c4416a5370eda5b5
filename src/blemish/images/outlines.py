"""Outlines of regions: polygons along the edges of their pixels, exact to the pixel.

Convention: points are corners of pixels, `(x, y)`; the pixel in column x and row y reaches from
(x, y) to (x + 1, y + 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blemish.result import Outline

_DONE = -1


def trace_outline(
    row: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]
) -> Outline:
    """The rings about a region and about each of its holes.

    Args:
        row: of each run of pixels of the region, which is 8-connected.
        start: its first column.
        end: the column behind its last.

    Returns:
        The outer ring, then those of holes, as in `Region`.
    """
    # A ring turns where the left or right side of a run begins or ends and does not go on in the
    # next row. Sorted by y, x and side, every two turns are the ends of a horizontal edge. Where
    # pixels touch by a corner alone, it is two turns: the left side, sorted first, ends the edge
    # before the corner, and the right side begins the next. So rings touch there and do not cross.
    side = np.concatenate([2 * start, 2 * end + 1])
    stride = 2 * (int(end.max()) + 1)
    above = np.concatenate([row, row]) * stride + side
    turns = np.setxor1d(above, above + stride, assume_unique=True)
    y, side = np.divmod(turns, stride)
    x, is_right = np.divmod(side, 2)
    # Of those on one side in one column, every two are the ends of a vertical edge.
    top, bottom = np.argsort(side, kind="stable").reshape(-1, 2).T
    goes_down = is_right[top] == 1  # clockwise as seen on a screen
    following = np.arange(len(turns)) ^ 1
    following[np.where(goes_down, top, bottom)] = np.where(goes_down, bottom, top)
    return _rings(list(zip(x.tolist(), y.tolist(), strict=True)), following.tolist())


def _rings(points: list[tuple[int, int]], following: list[int]) -> Outline:
    """Points in the order in which they follow each other, round by round."""
    rings = []
    for first in range(len(points)):
        ring, here = [], first
        while following[here] != _DONE:
            ring.append(points[here])
            following[here], here = _DONE, following[here]
        if ring:
            rings.append(tuple(ring))
    return tuple(rings)
