"""Pictures to train on: the package's textures and more kinds, near and far, and a few plain ones.

Every picture is a pure function of its number and the seed. Fields are H x W, roughly in [-1, 1].
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blemish.surfaces import textures
from blemish.surfaces.textures import (
    Field,
    Rng,
    as_bytes,
    colour,
    grid,
    noise,
    normal,
    smooth_step,
    spoiled,
    turned,
)

OTHER_KINDS = 0.4  # of pictures
PLAIN = 0.05  # flat, a gradient, a checkerboard, noise: what nets have to bear
NEAR, FAR = 0.3, 0.1  # enlarged, reduced
SMALLEST_PX = 24  # that is drawn, to be enlarged
COMPRESSED = 0.12


def picture(number: int, *, seed: int, side_px: int) -> NDArray[np.uint8]:
    """Draw one picture, H x W x 3.

    Args:
        number: which one; pictures of different numbers are independent.
        seed: of the whole series.
        side_px: height and width.
    """
    rng = np.random.default_rng([seed, number])
    if rng.random() < PLAIN:
        return as_bytes(plain(rng, side_px))
    distance = rng.random()
    scale = 1 / 1.5 if distance < FAR else rng.uniform(1, 3) if distance < FAR + NEAR else 1
    drawn_px = max(int(side_px / scale), SMALLEST_PX)
    done = as_bytes(spoiled(colour(_layers(rng, drawn_px), rng), rng))
    if drawn_px != side_px:
        done = _resized(done, side_px)
    return _compressed(done, rng) if rng.random() < COMPRESSED else done


def plain(rng: Rng, side: int) -> Field:
    """An image without a texture, or with nothing else, between two colours of any contrast."""
    rows, columns = turned(rng, side)
    cell = int(np.exp(rng.uniform(0, np.log(side / 2))))
    places = np.arange(side) // cell
    kinds = (
        np.zeros((side, side)),
        (rows + 1.5) / 3,
        np.hypot(rows, columns) ** 2 / 2,
        (places[:, None] + places) % 2,
        np.broadcast_to(places % 2, (side, side)),
        rng.random((side, side)),
        np.round(rng.random((side, side))),
    )
    where = np.clip(kinds[rng.integers(len(kinds))], 0, 1)[..., None]
    first, second = rng.uniform(-0.3, 1.3, (2, 3 if rng.random() < 0.5 else 1))
    return np.broadcast_to(first + (second - first) * where, (side, side, 3)).astype(np.float32)


def _layers(rng: Rng, side: int) -> list[Field]:
    """Three fields for the colours."""
    if rng.random() >= OTHER_KINDS:
        return textures.layers(rng, side)
    first, second = (normal(KINDS[rng.integers(len(KINDS))](rng, side)) for _ in range(2))
    if rng.random() < 0.35:
        mask = smooth_step(textures.texture(rng, side), rng.normal(0, 0.4), rng.uniform(0.02, 0.6))
        first = first + (second - first) * mask
    shade = rng.uniform(0, 0.5) * noise(rng, side)
    return [first + shade, first + rng.uniform(0, 0.4) * second, first - shade]


def _resized(image: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).resize((side_px, side_px), Image.Resampling.BICUBIC))


def _compressed(image: NDArray[np.uint8], rng: Rng) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "jpeg", quality=int(rng.integers(10, 90)))
    return np.asarray(Image.open(file))


# --- kinds ---------------------------------------------------------------------------------------


def film(rng: Rng, side: int) -> Field:
    """Fine grain of a pixel or a few on a plain ground."""
    size = int(rng.integers(1, 5))
    coarse = rng.standard_normal((side // size + 1, side // size + 1))
    grain = np.kron(coarse, np.ones((size, size)))[:side, :side]
    return grain * rng.uniform(0.1, 1) + noise(rng, side)


def brushed(rng: Rng, side: int) -> Field:
    """Metal brushed along a line or round a centre."""
    rows, columns = turned(rng, side)
    along, across = (rows, columns) if rng.random() < 0.7 else (
        np.arctan2(rows - 0.3, columns + 0.2), np.hypot(rows - 0.3, columns + 0.2)
    )  # fmt: skip
    lines = rng.standard_normal((int(rng.integers(2, 12)), 4 * side))
    place = np.linspace(-1.6, 3.2, lines.shape[1])
    drift = along * len(lines) / 3.2 + len(lines) / 2
    start = np.clip(drift.astype(int), 0, len(lines) - 1)
    column = np.searchsorted(place, across.ravel()).clip(0, len(place) - 1).reshape(side, side)
    sharp = lines[start, column]
    return sharp + np.roll(sharp, 1, 1) * rng.uniform(0, 1) + rng.uniform(0, 1) * noise(rng, side)


def halftone(rng: Rng, side: int) -> Field:
    """Printed dots whose size follows a picture."""
    rows, columns = turned(rng, side)
    length = np.exp(rng.uniform(np.log(2.5), np.log(12)))
    u, v = (axis * side * np.pi / length for axis in (rows, columns))
    level = textures.texture(rng, side)
    return smooth_step(np.cos(u) * np.cos(v) + level, 0.0, rng.uniform(0.1, 1))


def foam(rng: Rng, side: int) -> Field:
    """Many bubbles of like size: round, or only their walls."""
    size = np.exp(rng.uniform(np.log(4), np.log(30)))
    rows, columns = (axis * side / 2 / size + 100 for axis in turned(rng, side))
    row, column = np.floor(rows).astype(int), np.floor(columns).astype(int)
    points = rng.uniform(0, 1, (2, 64, 64))
    gaps = []
    for down in (-1, 0, 1):
        for over in (-1, 0, 1):
            at = (row + down) % 64, (column + over) % 64
            gaps.append(
                (row + down + points[0][at] - rows) ** 2
                + (column + over + points[1][at] - columns) ** 2
            )
    nearest = np.sqrt(np.partition(np.stack(gaps), 1, axis=0)[:2])
    walls = smooth_step(nearest[1] - nearest[0], rng.uniform(0.05, 0.2), 0.1)
    return walls if rng.random() < 0.5 else np.sqrt(np.clip(1 - nearest[0] ** 2, 0, 1))


def fabric(rng: Rng, side: int) -> Field:
    """Twill and other bindings, each thread with a shade and a thickness of its own."""
    rows, columns = turned(rng, side)
    length = np.exp(rng.uniform(np.log(2.5), np.log(16)))
    bend = rng.uniform(0, 0.3) * noise(rng, side)
    u, v = (axis * side / 2 / length + bend + 300 for axis in (rows, columns))
    first, second = np.floor(u).astype(int), np.floor(v).astype(int)
    period = int(rng.integers(2, 6))
    over = (first + int(rng.integers(1, 4)) * second) % period < rng.integers(1, period)
    shades = rng.normal(0, rng.uniform(0, 0.5), (2, 700))
    warp, weft = (
        np.sin(np.pi * (axis % 1)) + shade[index % 700]
        for axis, index, shade in ((u, first, shades[0]), (v, second, shades[1]))
    )
    return np.where(over, warp, weft - rng.uniform(0, 0.8))


def blobs(rng: Rng, side: int) -> Field:
    """Noise of one wavelength, with edges: spots, pores, creases."""
    rows, columns = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
    length, stretch = np.exp(rng.uniform(np.log(4), np.log(side / 3))), np.exp(rng.normal(0, 0.4))
    frequency = np.hypot(rows * stretch, columns / stretch) * length
    ring = np.exp(-(((frequency - 1) / rng.uniform(0.1, 0.6)) ** 2))
    spectrum = np.fft.rfft2(rng.standard_normal((side, side)))
    field = normal(np.fft.irfft2(spectrum * ring, s=(side, side)))
    return np.tanh((field - rng.normal(0, 0.5)) * np.exp(rng.uniform(-1, 3)))


def letters(rng: Rng, side: int) -> Field:
    """Lines of signs, as printed."""
    tall, wide = int(rng.integers(4, 8)), int(rng.integers(3, 6))
    dot = int(rng.integers(1, 5))
    count = side // (dot * 3) + 2
    signs = rng.random((count, tall, count, wide)) < rng.uniform(0.3, 0.7)
    signs[:, -1], signs[..., -1] = False, False
    page = np.kron(signs.reshape(count * tall, count * wide), np.ones((dot, dot)))[:side, :side]
    return page + rng.uniform(0, 0.3) * noise(rng, side)


def rings(rng: Rng, side: int) -> Field:
    """Turned parts seen from the front: one profile all round."""
    rows, columns = grid(side)
    centre = rng.normal(0, 0.3, 2)
    distance = np.hypot(rows - centre[0], (columns - centre[1]) * rng.uniform(0.7, 1.4))
    steps = np.sort(rng.uniform(0, 2.2, int(rng.integers(3, 40))))
    heights = rng.standard_normal(len(steps))
    if rng.random() < 0.5:
        return np.interp(distance, steps, heights)
    return heights[np.searchsorted(steps, distance).clip(0, len(steps) - 1)]


def veins(rng: Rng, side: int) -> Field:
    """Thin lines that wander, as in marble, leather or cracked varnish."""
    field = noise(rng, side)
    for _ in range(int(rng.integers(1, 3))):
        field = np.minimum(np.abs(field), np.abs(noise(rng, side)))
    return -np.exp(-field * np.exp(rng.uniform(1, 3.5)))


KINDS: tuple[Callable[[Rng, int], Field], ...] = (
    film, brushed, halftone, foam, fabric, blobs, blobs, letters, rings, veins,
)  # fmt: skip
