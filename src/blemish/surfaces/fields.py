"""What surfaces are drawn with: seeded streams, noise, cells, light, colours.

Fields are H x W float32 (H = W = `size_px`), images H x W x 3 float32 in 0..255. After the random
numbers only additions, multiplications, comparisons and roots are done on pixels in float32, which
IEEE 754 fixes to the bit; what may differ in its last bits from machine to machine (sines) is
computed in float64 first, so that the rounded bytes are the same everywhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]

REFERENCE_PX = 512  # lengths in the drawings are meant at this side, and scale with it
_SPLINE_GAIN = np.float32(1 / 0.479)  # brings noise to a standard deviation of about 1


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
    lattice = rng.standard_normal((down + 3, (across or down) + 3), dtype=np.float32)
    wide = _stretched(lattice.T, size_px)  # W x (down + 3)
    return _stretched(np.ascontiguousarray(wide.T), size_px) * _SPLINE_GAIN


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


def smooth_step(values: Field) -> Field:
    """From 0 (at 0 and below) to 1 (at 1 and above), without corners."""
    t = np.clip(values, 0, 1)
    return t * t * (3 - 2 * t)


def mix(image: Field, colour: Field, cover: Field) -> None:
    """Lay a colour (3 values or H x W x 3) over an image, in place, as far as it covers."""
    image += cover[..., None] * (colour - image)


def speckle(rng: np.random.Generator, image: Field, *, most: int, contrast: float) -> None:
    """Dust: a few faint specks of a pixel or two, as every good part has; in place."""
    size_px = image.shape[0]
    x, y = axes(size_px)
    for _ in range(int(rng.integers(0, most + 1))):
        at = rng.uniform(0, size_px, 2)
        radius = rng.uniform(0.6, 1.4) * max(scale_of(size_px), 0.5)
        left, right = span(at[0], at[0], 2 * radius + 1, size_px)
        top, bottom = span(at[1], at[1], 2 * radius + 1, size_px)
        away_x, away_y = x[:, left:right] - np.float32(at[0]), y[top:bottom] - np.float32(at[1])
        away = np.sqrt(away_x * away_x + away_y * away_y)
        cover = np.clip(np.float32(radius + 0.5) - away, 0, 1) * np.float32(contrast)
        image[top:bottom, left:right] += cover[..., None] * np.float32(rng.choice([-1, 1]))


def rgb(red: float, green: float, blue: float) -> Field:
    """A colour, 3 values in 0..255, or a share of each channel."""
    return np.array((red, green, blue), np.float32)


def inside(depth: Field) -> Mask:
    """Where a depth is above 0."""
    mask: Mask = depth > 0
    return mask


def finished(image: Field) -> NDArray[np.uint8]:
    """The image as bytes."""
    return (np.clip(image, 0, 255) + np.float32(0.5)).astype(np.uint8)


def span(a: float, b: float, reach: float, size_px: int) -> tuple[int, int]:
    """First and last + 1 of the pixels from a to b, and as far as `reach` around them."""
    low, high = min(a, b) - reach, max(a, b) + reach
    return max(0, int(np.floor(low))), min(size_px, int(np.ceil(high)) + 1)


def _stretched(lattice: Field, size_px: int) -> Field:
    """Values between rows of a lattice. Not as a matrix product: that would start threads."""
    first, weights = _spline(size_px, lattice.shape[0] - 3)
    values: Field = lattice[first] * weights[0]
    for step in range(1, 4):
        values += lattice[first + step] * weights[step]
    return values


@lru_cache(maxsize=64)
def _spline(size_px: int, cells: int) -> tuple[NDArray[np.intp], Field]:
    """For each pixel the first of four lattice rows, and their weights, 4 x H x 1."""
    at = (np.arange(size_px) + 0.5) * cells / size_px
    first = np.floor(at).astype(np.intp)
    t = at - first
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    return first, np.stack(weights).astype(np.float32)[..., None] / np.float32(6)
