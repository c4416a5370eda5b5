"""What surfaces are drawn with: seeded streams, noise, cells, strokes, blobs, light.

Fields are H x W float32 (H = W = `size_px`), pictures H x W x 3 float32 in 0..255. After the random
numbers only additions, multiplications, comparisons and roots are done on pixels in float32, which
IEEE 754 fixes to the bit; what may differ in its last bits from machine to machine (sines, matrix
products) is computed in float64 first, so that the rounded bytes are the same everywhere.

Convention: points are (x, y) in pixels, the centre of the top left pixel being (0, 0).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]
Points = NDArray[np.float64]

ORIGIN = np.zeros(2)
REFERENCE_PX = 512  # lengths in the drawings are meant at this side, and scale with it
_SPLINE_GAIN = 1 / 0.479  # brings noise to a standard deviation of about 1


def stream(*words: object) -> np.random.Generator:
    """Random numbers that depend on the words alone."""
    text = "\0".join(map(str, words)).encode()
    seed = int.from_bytes(hashlib.sha256(text).digest(), "big")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


def scale_of(size_px: int) -> float:
    """Pixels of this drawing for one of the reference size."""
    return size_px / REFERENCE_PX


@lru_cache(maxsize=4)
def axes(size_px: int) -> tuple[Field, Field]:
    """Coordinates x (1 x W) and y (H x 1)."""
    axis = np.arange(size_px, dtype=np.float32)
    return axis[None, :], axis[:, None]


def noise(rng: np.random.Generator, size_px: int, down: int, across: int | None = None) -> Field:
    """Smooth noise of mean 0 and deviation 1: a lattice of normal values under a cubic B-spline.

    Args:
        rng: where from.
        size_px: side of the field.
        down: lattice cells from top to bottom.
        across: from left to right; by default as many.
    """
    rows, columns = _spline(size_px, down), _spline(size_px, across or down)
    lattice = rng.standard_normal((rows.shape[1], columns.shape[1]))
    return (rows @ lattice @ columns.T * _SPLINE_GAIN).astype(np.float32)


def fractal(rng: np.random.Generator, size_px: int, cells: int, octaves: int) -> Field:
    """Noise of several scales, each twice as fine and half as strong, of deviation about 1."""
    total = noise(rng, size_px, cells)
    for octave in range(1, octaves):
        total += noise(rng, size_px, cells << octave) * np.float32(0.5**octave)
    return total * np.float32(0.87)


def grain(rng: np.random.Generator, size_px: int) -> Field:
    """Noise of single pixels, of deviation 1."""
    return rng.standard_normal((size_px, size_px), dtype=np.float32)


def light(rng: np.random.Generator, size_px: int, *, spread: float = 0.05) -> Field:
    """How brightly each place is lit, about 1: exposure, a slope, and a soft unevenness."""
    x, y = axes(size_px)
    slope_x, slope_y = rng.normal(0, spread, 2).astype(np.float32) / np.float32(size_px)
    lit = noise(rng, size_px, 2) * np.float32(0.35 * spread)
    lit += np.float32(1 + rng.normal(0, 0.5 * spread))
    lit += (x - size_px / 2) * slope_x + (y - size_px / 2) * slope_y
    return lit


def relief(height: Field, angle: float) -> Field:
    """Slope of a height field towards the light, per pixel."""
    shade = np.zeros_like(height)
    shade[:, 1:-1] = (height[:, :-2] - height[:, 2:]) * np.float32(np.cos(angle) / 2)
    shade[1:-1] += (height[:-2] - height[2:]) * np.float32(np.sin(angle) / 2)
    return shade


@dataclass(frozen=True)
class Cells:
    """A Voronoi pattern. Distances are in cells.

    Attributes:
        nearest: distance to the nearest point.
        gap: how much further the second nearest is: 0 on borders between cells.
        owner: index of the nearest point, H x W.
        count: number of points.
    """

    nearest: Field
    gap: Field
    owner: NDArray[np.int32]
    count: int


def cells(
    rng: np.random.Generator, size_px: int, cell_px: int, *, warp: float = 0.0, jitter: float = 0.8
) -> Cells:
    """One point at a random place in each cell of a lattice, and what is nearest to it.

    Args:
        rng: where from.
        size_px: side of the field.
        cell_px: side of a lattice cell, whole pixels.
        warp: how far borders wander from straight lines, in cells.
        jitter: share of the cell that a point may lie in.
    """
    many = -(-size_px // cell_px)
    points = rng.random((2, many + 2, many + 2)) * jitter + (1 - jitter) / 2
    px, py = points.astype(np.float32)
    inside = (np.arange(cell_px, dtype=np.float32) + np.float32(0.5)) / np.float32(cell_px)
    shape = (many, cell_px, many, cell_px)
    x, y = (
        np.broadcast_to(axis, shape) + _warp(rng, many * cell_px, cell_px, warp).reshape(shape)
        for axis in (inside, inside[:, None, None])
    )
    first, second = np.full(shape, 9, np.float32), np.full(shape, 9, np.float32)
    owner = np.zeros(shape, np.int32)
    names = np.arange((many + 2) ** 2, dtype=np.int32).reshape(many + 2, many + 2)
    for down in range(3):
        for right in range(3):
            window = np.s_[down : down + many, None, right : right + many, None]
            away_x = x - (px[window] + np.float32(right - 1))
            away_y = y - (py[window] + np.float32(down - 1))
            squared = away_x * away_x + away_y * away_y
            closer = squared < first
            np.minimum(second, np.maximum(first, squared), out=second)
            np.copyto(owner, np.broadcast_to(names[window], shape), where=closer)
            np.minimum(first, squared, out=first)
    side = many * cell_px
    nearest, further = (np.sqrt(s.reshape(side, side)[:size_px, :size_px]) for s in (first, second))
    owners = owner.reshape(side, side)[:size_px, :size_px]
    return Cells(nearest, further - nearest, owners, names.size)


def _warp(rng: np.random.Generator, side: int, cell_px: int, amount: float) -> Field:
    if amount == 0:
        return np.zeros((side, side), np.float32)
    return noise(rng, side, max(2, side // cell_px * 3 // 2)) * np.float32(amount)


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
        left, right = _span(x0, x1, reach_px, size_px)
        top, bottom = _span(y0, y1, reach_px, size_px)
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


def smooth_step(values: Field) -> Field:
    """From 0 (at 0 and below) to 1 (at 1 and above), without corners."""
    t = np.clip(values, 0, 1)
    return t * t * (3 - 2 * t)


def place(rng: np.random.Generator, size_px: int, margin: float = 0.15) -> Points:
    """A random point, away from the border by a share of the side."""
    return rng.uniform(margin, 1 - margin, 2) * size_px


def mix(picture: Field, colour: Field, cover: Field) -> None:
    """Lay a colour (3 values or H x W x 3) over a picture, in place, as far as it covers."""
    picture += cover[..., None] * (colour - picture)


def speckle(rng: np.random.Generator, picture: Field, *, most: int, contrast: float) -> None:
    """Dust: a few faint specks of a pixel or two, as every good part has; in place."""
    size_px = picture.shape[0]
    x, y = axes(size_px)
    for _ in range(int(rng.integers(0, most + 1))):
        at = rng.uniform(0, size_px, 2)
        radius = rng.uniform(0.6, 1.4) * max(scale_of(size_px), 0.5)
        left, right = _span(at[0], at[0], 2 * radius + 1, size_px)
        top, bottom = _span(at[1], at[1], 2 * radius + 1, size_px)
        away_x, away_y = x[:, left:right] - np.float32(at[0]), y[top:bottom] - np.float32(at[1])
        away = np.sqrt(away_x * away_x + away_y * away_y)
        cover = np.clip(np.float32(radius + 0.5) - away, 0, 1) * np.float32(contrast)
        picture[top:bottom, left:right] += cover[..., None] * np.float32(rng.choice([-1, 1]))


def rgb(red: float, green: float, blue: float) -> Field:
    """A colour, 3 values in 0..255, or a share of each channel."""
    return np.array((red, green, blue), np.float32)


def inside(depth: Field) -> Mask:
    """Where a depth is above 0."""
    mask: Mask = depth > 0
    return mask


def finished(picture: Field) -> NDArray[np.uint8]:
    """The picture as bytes."""
    return (np.clip(picture, 0, 255) + np.float32(0.5)).astype(np.uint8)


def _span(a: float, b: float, reach: float, size_px: int) -> tuple[int, int]:
    low, high = min(a, b) - reach, max(a, b) + reach
    return max(0, int(np.floor(low))), min(size_px, int(np.ceil(high)) + 1)


@lru_cache(maxsize=64)
def _spline(size_px: int, cells: int) -> NDArray[np.float64]:
    """Weights of lattice values (cells + 3) for each pixel: uniform cubic B-spline."""
    at = (np.arange(size_px) + 0.5) * cells / size_px
    first = np.floor(at).astype(int)
    t = (at - first)[:, None]
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    matrix = np.zeros((size_px, cells + 3))
    np.put_along_axis(matrix, first[:, None] + np.arange(4), np.hstack(weights) / 6, axis=1)
    return matrix
