"""Outlines of regions: polygons along the edges of their pixels, exact to the pixel.

Convention: points are corners of pixels, `(x, y)`; the pixel in column x and row y reaches from
(x, y) to (x + 1, y + 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blemish.result import Outline, Ring

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


def one_ring(outline: Outline) -> Ring:
    """An outline as a single ring, each hole joined to a ring above it by a line there and back.

    The lines run upwards through pixels of the region and cover nothing: filled by the even-odd
    rule or by the nonzero one, the ring gives the same pixels as the outline.

    Args:
        outline: as `Region` has it.
    """
    points = [point for ring in outline for point in ring]
    starts = np.cumsum([0, *(len(ring) for ring in outline)]).tolist()
    following = np.arange(1, len(points) + 1)
    following[[end - 1 for end in starts[1:]]] = starts[:-1]
    steps = following.tolist()
    for edge, holes in _edges_above(outline, np.array(points), following).items():
        rightwards = points[edge][0] < points[steps[edge]][0]
        behind, tail = steps[edge], edge
        for x, hole in sorted(holes, reverse=not rightwards):
            first, last = starts[hole], starts[hole + 1] - 1
            there, back, again = range(len(points), len(points) + 3)
            points += [(x, points[edge][1]), (x, points[edge][1]), points[first]]
            steps += [first, behind, back]
            steps[tail], steps[last], tail = there, again, back
        steps[tail] = behind
    ring, here = [points[0]], steps[0]
    while here != 0:
        ring.append(points[here])
        here = steps[here]
    return tuple(ring)


def _edges_above(
    outline: Outline, points: NDArray[np.int64], following: NDArray[np.int64]
) -> dict[int, list[tuple[int, int]]]:
    """By edges: the x and the number of each hole whose first corner lies below, nothing between.

    An edge goes by its first point.
    """
    ends = points[following]
    level = np.flatnonzero(points[:, 1] == ends[:, 1])
    y = points[level, 1]
    left = np.minimum(points[level, 0], ends[level, 0])
    right = np.maximum(points[level, 0], ends[level, 0])
    found: dict[int, list[tuple[int, int]]] = {}
    for number, ring in enumerate(outline[1:], start=1):
        hole_x, hole_y = ring[0]
        above = (y < hole_y) & (left <= hole_x) & (hole_x < right)
        edge = int(level[np.argmax(np.where(above, y, -1))])
        found.setdefault(edge, []).append((hole_x, number))
    return found
