"""Shapes that defects are drawn with: lines that wander, irregular spots, and distances to them.

Convention: points are (x, y) in pixels, the centre of the top left pixel being (0, 0). Distances
are measured from pixel centres, so that image and mask follow from the same field.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from blemish.surfaces.fields import Field, axes, fractal, span

Points = NDArray[np.float64]

ORIGIN = np.zeros(2)


@dataclass(frozen=True)
class Stroke:
    """Where pixels lie beside a line. Beyond its reach, `distance` is infinite.

    Attributes:
        distance: to the line, in pixels.
        along: place on the line, in pixels from its start.
        side: 1 on one side of it, -1 on the other.
        length: of the line, in pixels.
    """

    distance: Field
    along: Field
    side: Field
    length: float

    def cover(self, half_width: Field | float) -> Field:
        """Share of each pixel that a line of that half width covers, 0..1."""
        return np.clip(np.float32(0.5) + np.float32(1) * half_width - self.distance, 0, 1)


def stroke(points: Points, size_px: int, reach_px: float) -> Stroke:
    """Measure all pixels against a line through points, as far as `reach_px` from it."""
    shape = (size_px, size_px)
    distance = np.full(shape, np.inf, np.float32)
    along, side = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    start = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        length = float(np.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2))
        left, right = span(x0, x1, reach_px, size_px)
        top, bottom = span(y0, y1, reach_px, size_px)
        if length > 0 and left < right and top < bottom:
            ux, uy = np.float32((x1 - x0) / length), np.float32((y1 - y0) / length)
            x = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(x0)
            y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(y0)
            place = np.clip(x * ux + y * uy, 0, np.float32(length))
            away = np.sqrt((x - place * ux) ** 2 + (y - place * uy) ** 2)
            box = np.s_[top:bottom, left:right]
            closer = (away < distance[box]) & (away <= reach_px)
            np.copyto(distance[box], away, where=closer)
            np.copyto(along[box], place + np.float32(start), where=closer)
            np.copyto(side[box], np.where(x * uy > y * ux, 1, -1), where=closer)
        start += length
    return Stroke(distance, along, side, start)


def wander(
    rng: np.random.Generator,
    start: Points,
    heading: float,
    length_px: float,
    *,
    bend: float = 0.0,
    jag: float = 0.0,
    step_px: float = 8.0,
) -> Points:
    """A line that goes its way: K x 2.

    Args:
        rng: where from.
        start: (x, y).
        heading: first direction, radians.
        length_px: of the line.
        bend: how far the direction drifts along the line, radians.
        jag: how far each step strays from the direction, radians.
        step_px: between points.
    """
    steps = max(2, round(length_px / step_px))
    knots = max(2, steps // 5)
    drift = np.cumsum(rng.normal(0, 1, knots)) / np.sqrt(knots)
    drift = np.interp(np.linspace(0, knots - 1, steps), np.arange(knots), drift)
    angles = heading + bend * drift + jag * rng.normal(0, 1, steps)
    moves = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (length_px / steps)
    return np.concatenate([start[None], start + np.cumsum(moves, axis=0)])


def centred(line: Points, at: Points) -> Points:
    """The line, moved so that its middle lies at a point."""
    moved: Points = line - line[len(line) // 2] + at
    return moved


def blob(
    rng: np.random.Generator,
    size_px: int,
    centre: Points,
    radius_px: float,
    *,
    rough: float = 0.25,
    stretch: float = 1.0,
) -> Field:
    """How deep each pixel lies inside an irregular spot, in pixels; negative outside.

    Args:
        rng: where from.
        size_px: side of the field.
        centre: (x, y).
        radius_px: mean radius.
        rough: how far the edge strays from an oval, in radii.
        stretch: long half axis over the mean radius.
    """
    x, y = axes(size_px)
    turn = rng.uniform(0, np.pi)
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
    long, short = (x * cosine + y * sine) / stretch, (y * cosine - x * sine) * np.float32(stretch)
    lobes = max(2, round(size_px / radius_px))
    edge = 1 + fractal(rng, size_px, min(lobes, size_px // 4), 2) * np.float32(rough)
    return np.float32(radius_px) * edge - np.sqrt(long * long + short * short)


def place(rng: np.random.Generator, size_px: int, margin: float = 0.15) -> Points:
    """A random point, away from the border by a share of the side."""
    return rng.uniform(margin, 1 - margin, 2) * size_px
