"""Images drawn to train on: textures of many kinds, mixed, coloured and roughened at random.

No photograph is involved. What a network learns from them is how a trained one answers to edges,
grain, repetition and colour, or how not to; so diversity counts and realism does not. Every image
is a pure function of its number and the seed.

Convention: fields are H x W, roughly in [-1, 1]; images are H x W x 3, uint8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[Any]  # float32, or float64 on the way there
Rng = np.random.Generator


def draw(number: int, *, seed: int, side_px: int) -> NDArray[np.uint8]:
    """Draw one image.

    Args:
        number: which one; images of different numbers are independent.
        seed: of the whole series.
        side_px: height and width.
    """
    rng = np.random.default_rng([seed, number])
    return as_bytes(spoiled(colour(layers(rng, side_px), rng), rng))


def layers(rng: Rng, side: int) -> list[Field]:
    """Three fields for the colours: one texture, or two that take turns in the image."""
    first = texture(rng, side)
    if rng.random() < 0.45:
        second = texture(rng, side)
        where = smooth_step(texture(rng, side), rng.normal(0, 0.4), rng.uniform(0.02, 0.6))
        first = first + (second - first) * where
    own = rng.uniform(0, 0.5)
    return [first, first + own * texture(rng, side), first - own * noise(rng, side)]


def texture(rng: Rng, side: int) -> Field:
    """A field of a kind at random, bent or folded now and then."""
    field = KINDS[rng.integers(len(KINDS))](rng, side)
    if rng.random() < 0.25:
        field = bent(field, rng)
    if rng.random() < 0.2:
        field = np.abs(field) * 2 - 1
    return normal(field)


# --- kinds ---------------------------------------------------------------------------------------


def noise(rng: Rng, side: int) -> Field:
    """Coloured 1/f^a noise, stretched in a direction at random."""
    rows, columns = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
    turn, stretch = rng.uniform(0, np.pi), np.exp(rng.normal(0, 0.9))
    along = (rows * np.sin(turn) + columns * np.cos(turn)) * stretch
    across = (rows * np.cos(turn) - columns * np.sin(turn)) / stretch
    frequency = np.sqrt(along**2 + across**2)
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((side, side)))
    return normal(np.fft.irfft2(spectrum * frequency ** -rng.uniform(0, 2.4), s=(side, side)))


def waves(rng: Rng, side: int) -> Field:
    """A few plane waves, slightly bent, some of them square."""
    rows, columns = grid(side)
    field = np.zeros((side, side), np.float32)
    for _ in range(rng.integers(1, 5)):
        turn, length = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(3), np.log(side / 2)))
        wobble = rng.uniform(0, 0.6) * np.sin(
            rows * rng.uniform(0, 6) + columns * rng.uniform(0, 6)
        )
        phase = (rows * np.sin(turn) + columns * np.cos(turn)) * (side * np.pi / length)
        wave = np.sin(phase + wobble + rng.uniform(0, 6))
        field += np.tanh(wave * np.exp(rng.uniform(-1, 3)))
    return field


def weave(rng: Rng, side: int) -> Field:
    """Threads that cross over and under, turned as a whole."""
    rows, columns = turned(rng, side)
    length = np.exp(rng.uniform(np.log(4), np.log(side / 4)))
    u, v = (axis * side / 2 / length + rng.uniform(0, 9) for axis in (rows, columns))
    over = (np.floor(u) + np.floor(v)) % rng.integers(2, 5) < 1
    sharp = rng.uniform(0.3, 3)
    warp, weft = (np.abs(np.sin(np.pi * axis)) ** sharp for axis in (u, v))
    threads: Field = np.where(over, warp, weft * rng.uniform(0.4, 1)).astype(np.float32)
    return threads


def lattice(rng: Rng, side: int) -> Field:
    """Dots or holes on a regular lattice, turned, a little out of place."""
    rows, columns = turned(rng, side)
    length = np.exp(rng.uniform(np.log(5), np.log(side / 4)))
    u, v = (axis * side / 2 / length + rng.uniform(0, 9) for axis in (rows, columns))
    u = u + (np.floor(v) % 2) * rng.choice([0, 0.5])
    distance = np.hypot((u % 1) - 0.5, (v % 1) - 0.5)
    return smooth_step(rng.uniform(0.15, 0.45) - distance, 0.0, rng.uniform(0.02, 0.2)) * 2 - 1


def cells(rng: Rng, side: int) -> Field:
    """Worley cells: distance to the nearest points, or the walls between cells, or flat cells."""
    count = int(np.exp(rng.uniform(np.log(6), np.log(90))))
    points = rng.uniform(-1.1, 1.1, (count, 2)).astype(np.float32)
    rows, columns = grid(side)
    gaps = (rows[..., None] - points[:, 0]) ** 2 + (columns[..., None] - points[:, 1]) ** 2
    kind = rng.integers(3)
    if kind == 2:
        shades = rng.standard_normal(count).astype(np.float32)
        flat: Field = shades[gaps.argmin(axis=2)]
        return flat
    nearest = np.sqrt(np.partition(gaps, 1, axis=2)[..., :2])
    return nearest[..., 0] if kind == 0 else np.minimum(nearest[..., 1] - nearest[..., 0], 0.1)


def leaves(rng: Rng, side: int) -> Field:
    """Dead leaves: ovals and boxes of all sizes that hide one another."""
    rows, columns = grid(side)
    field = np.zeros((side, side), np.float32)
    exponent = rng.uniform(1.5, 3.5)
    for _ in range(int(rng.integers(20, 120))):
        size = min(0.6, 0.04 * rng.random() ** (-1 / exponent))
        row, column = rng.uniform(-1, 1, 2)
        top, bottom = (int((row + reach * 1.5 * size + 1) / 2 * side) for reach in (-1, 1))
        left, right = (int((column + reach * 1.5 * size + 1) / 2 * side) for reach in (-1, 1))
        part = np.s_[max(top, 0) : max(bottom + 1, 0), max(left, 0) : max(right + 1, 0)]
        turn, oval = rng.uniform(0, np.pi), rng.uniform(0.35, 1)
        down, over = rows[part] - row, columns[part] - column
        u = (down * np.sin(turn) + over * np.cos(turn)) / size
        v = (down * np.cos(turn) - over * np.sin(turn)) / (size * oval)
        inside = (u**2 + v**2 < 1) if rng.random() < 0.6 else (np.maximum(abs(u), abs(v)) < 0.8)
        field[part][inside] = rng.normal() + rng.uniform(0, 0.6) * u[inside]
    return field


def network(rng: Rng, side: int) -> Field:
    """What a random network makes of the coordinates and some noise."""
    rows, columns = turned(rng, side)
    inputs = [rows, columns, np.hypot(rows, columns), 0.5 * noise(rng, side)]
    values: Field = np.stack(inputs, axis=-1).reshape(-1, len(inputs)) * np.exp(rng.uniform(0, 2))
    for width in (12, 12, 1):
        weights = rng.standard_normal((values.shape[1], width)) * 1.6 / np.sqrt(values.shape[1])
        values = values @ weights.astype(np.float32) + rng.standard_normal(width) * 0.5
        values = np.sin(3 * values) if rng.random() < 0.5 else np.tanh(2 * values)
    return values.reshape(side, side)


def speckle(rng: Rng, side: int) -> Field:
    """Grains of like size, as in stone, sand or cast metal."""
    level = noise(rng, side)
    fine: Field = rng.standard_normal((side, side)).astype(np.float32)
    for _ in range(int(rng.integers(0, 4))):
        fine = (
            fine + np.roll(fine, 1, 0) + np.roll(fine, 1, 1) + np.roll(fine, (1, 1), (0, 1))
        ) / 2
    return np.where(fine > rng.uniform(0, 2), 1.5, 0.0) + level * rng.uniform(0, 1)


KINDS: tuple[Callable[[Rng, int], Field], ...] = (
    noise,
    noise,
    waves,
    weave,
    lattice,
    cells,
    leaves,
    network,
    network,
    speckle,
)


# --- colours and what spoils an image -----------------------------------------------------------


def colour(fields: list[Field], rng: Rng) -> Field:
    """Three fields as an image in [0, 1]: mixed by a random matrix, or along a colour ramp."""
    if rng.random() < 0.4:
        ends = rng.uniform(0, 1, (3, 3))
        place = (np.clip(fields[0], -1.5, 1.5) + 1.5) / 3
        low, high = np.clip(1 - 2 * place, 0, 1), np.clip(2 * place - 1, 0, 1)
        weights = np.stack([low, 1 - low - high, high], axis=-1)
        return (weights @ ends).astype(np.float32)
    mixing = np.eye(3) * rng.uniform(0.3, 1) + rng.normal(0, 0.35, (3, 3))
    contrast, mean = np.exp(rng.uniform(np.log(0.04), np.log(0.3))), rng.uniform(0.2, 0.8, 3)
    spread = rng.uniform(0, 1)
    mean = mean * spread + mean.mean() * (1 - spread)
    image: Field = (np.stack(fields, axis=-1) @ mixing * contrast + mean).astype(np.float32)
    return image


def spoiled(image: Field, rng: Rng) -> Field:
    """With marks, light, blur and grain; grey now and then."""
    for spoil in (marks, light, blur, grain):
        image = spoil(image, rng)
    if rng.random() < 0.25:
        image[:] = image.mean(axis=2, keepdims=True)
    return image


def as_bytes(image: Field) -> NDArray[np.uint8]:
    """An image in [0, 1] as bytes."""
    return np.clip(np.round(image * 255), 0, 255).astype(np.uint8)


def marks(image: Field, rng: Rng) -> Field:
    """Scratches, spots and patches of another texture."""
    side = len(image)
    rows, columns = grid(side)
    for _ in range(int(rng.poisson(1.2))):
        shade = rng.normal(0, 0.25, 3) * rng.uniform(0.2, 1) + rng.normal(0, 0.2)
        row, column = rng.uniform(-0.9, 0.9, 2)
        kind = rng.integers(3)
        turn = rng.uniform(0, np.pi)
        u = (rows - row) * np.sin(turn) + (columns - column) * np.cos(turn)
        v = (rows - row) * np.cos(turn) - (columns - column) * np.sin(turn)
        if kind == 0:
            v = v - rng.normal(0, 0.3) * u**2
            inside = (abs(u) < rng.uniform(0.1, 0.8)) * smooth_step(
                rng.uniform(0.5, 3) / side - abs(v), 0.0, 1 / side
            )
        else:
            size = np.exp(rng.uniform(np.log(0.02), np.log(0.35)))
            inside = smooth_step(size - np.hypot(u, v * rng.uniform(1, 3)), 0.0, size / 2)
        if kind == 2:
            patch = colour([texture(rng, side)] * 3, rng)
            image = image + (patch - image) * inside[..., None]
        else:
            image = image + shade * inside[..., None]
    return image.astype(np.float32)


def light(image: Field, rng: Rng) -> Field:
    """Light that falls off, and a camera's curve."""
    rows, columns = turned(rng, len(image))
    fall = 1 + rng.normal(0, 0.25) * rows + rng.normal(0, 0.15) * (rows**2 + columns**2)
    curve = np.exp(rng.normal(0, 0.25))
    lit: Field = np.clip(image * fall[..., None], 0, 1).astype(np.float32) ** np.float32(curve)
    return lit


def blur(image: Field, rng: Rng) -> Field:
    """Out of focus now and then: a Gaussian in frequencies."""
    if rng.random() > 0.35:
        return image
    side = len(image)
    rows, columns = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
    bell = np.exp(-2 * (np.pi * rng.uniform(0.4, 2.0)) ** 2 * (rows**2 + columns**2))
    spectrum = np.fft.rfft2(image, axes=(0, 1)) * bell[..., None]
    return np.fft.irfft2(spectrum, s=(side, side), axes=(0, 1)).astype(np.float32)


def grain(image: Field, rng: Rng) -> Field:
    """Noise of the sensor, of one value or of each colour."""
    strength = rng.uniform(0, 0.04) if rng.random() < 0.7 else 0.0
    planes = 1 if rng.random() < 0.5 else 3
    noisy: Field = image + strength * rng.standard_normal((*image.shape[:2], planes), np.float32)
    return noisy


# --- tools ---------------------------------------------------------------------------------------


def grid(side: int) -> tuple[Field, Field]:
    """Coordinates of rows and columns, -1 to 1."""
    line = np.linspace(-1, 1, side, dtype=np.float32)
    return np.broadcast_to(line[:, None], (side, side)), np.broadcast_to(line, (side, side))


def turned(rng: Rng, side: int) -> tuple[Field, Field]:
    """The same, turned by a random angle."""
    rows, columns = grid(side)
    turn = np.float32(rng.uniform(0, 2 * np.pi))
    return rows * np.cos(turn) + columns * np.sin(turn), columns * np.cos(turn) - rows * np.sin(
        turn
    )


def bent(field: Field, rng: Rng) -> Field:
    """The field with its coordinates shifted by a smooth noise."""
    side = len(field)
    reach = rng.uniform(0.01, 0.12) * side
    rows, columns = np.indices((side, side))
    shifts = [np.round(reach * noise(rng, side)).astype(int) for _ in range(2)]
    moved: Field = field[(rows + shifts[0]) % side, (columns + shifts[1]) % side]
    return moved


def normal(field: NDArray[np.floating]) -> Field:
    """Mean 0, spread 0.5."""
    centred = field - field.mean()
    scaled: Field = (centred * (0.5 / (centred.std() + 1e-6))).astype(np.float32)
    return scaled


def smooth_step(field: NDArray[np.floating], edge: float, width: float) -> Field:
    """0 below an edge, 1 above, with a soft passage of some width."""
    step: Field = np.clip((field - edge) / max(width, 1e-6) + 0.5, 0, 1).astype(np.float32)
    return step
