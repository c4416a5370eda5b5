"""Drawn tile: polished terrazzo, chips of grey, brown and black stone in a pale ground."""

from __future__ import annotations

from functools import partial

import numpy as np

from blemish.surfaces.fields import (
    Field,
    Mask,
    cells,
    fractal,
    grain,
    inside,
    light,
    mix,
    noise,
    rgb,
    scale_of,
    smooth_step,
    speckle,
)
from blemish.surfaces.shapes import ORIGIN, blob, centred, place, stroke, wander
from blemish.surfaces.strength import Strength

GROUND = rgb(186, 180, 170)
STONES = np.array(
    [
        [206, 201, 192],
        [164, 158, 150],
        [140, 135, 129],
        [112, 108, 104],
        [84, 81, 79],
        [158, 134, 112],
        [132, 110, 92],
    ],
    np.float32,
)
SHARES = np.array([0.24, 0.24, 0.18, 0.1, 0.07, 0.1, 0.07])
GRIT = 150  # grains of a scraped patch, from side to side, were it as wide as the tile
LAYERS = ((9, 0.3, 0.75), (19, 0.34, 0.62))  # side of a chip's cell, its gap, share of chips


def draw_tile(rng: np.random.Generator, size_px: int) -> Field:
    """A good tile."""
    scale = scale_of(size_px)
    image = np.empty((size_px, size_px, 3), np.float32)
    image[:] = GROUND * (1 + rng.normal(0, 0.004, 3)).astype(np.float32)
    for cell_px, gap, share in LAYERS:
        _scatter(rng, image, max(3, round(cell_px * scale)), gap, share)
    shine = light(rng, size_px) * (1 + fractal(rng, size_px, size_px // 8, 2) * np.float32(0.03))
    image *= shine[..., None]
    image += grain(rng, size_px)[..., None] * np.float32(2.2)
    speckle(rng, image, most=6, contrast=22)
    return image


def _scatter(
    rng: np.random.Generator, image: Field, cell_px: int, gap: float, share: float
) -> None:
    """Lay chips of one size into the ground."""
    chips = cells(rng, image.shape[0], cell_px, warp=0.16, jitter=0.9)
    colours = STONES[rng.choice(len(STONES), chips.count, p=SHARES)]
    colours = colours * (1 + rng.normal(0, 0.06, (chips.count, 1))).astype(np.float32)
    edges = np.where(rng.random(chips.count) < share, rng.uniform(0.05, gap, chips.count), 9)
    edge = edges.astype(np.float32)[chips.owner]
    mix(image, colours[chips.owner], np.clip((chips.gap - edge) * np.float32(cell_px / 1.6), 0, 1))


def crack(rng: np.random.Generator, image: Field, strength: Strength) -> Mask:
    """A jagged dark line, sometimes forked, with a pale chipped edge."""
    size_px = image.shape[0]
    scale = scale_of(size_px)
    length = strength.grown(90, 420) * scale
    heading = rng.uniform(0, 2 * np.pi)
    way = partial(wander, rng, jag=0.55, step_px=7 * scale)
    line = way(ORIGIN, heading, length, bend=0.5)
    line = centred(line, place(rng, size_px, 0.2))
    lines = [line]
    if rng.random() < 0.5:
        fork = line[len(line) // 2]
        turn = heading + rng.choice([-1, 1]) * rng.uniform(0.5, 1.0)
        lines.append(way(fork, turn, length / 3, bend=0.4))
    mask = np.zeros((size_px, size_px), bool)
    half = strength.grown(1.4, 3.4) * max(scale, 0.6)
    depth = np.float32(strength.faded(0.6, 1))
    for points in lines:
        s = stroke(points, size_px, 8 * scale + 2)
        taper = np.float32(half) * np.sqrt(np.clip(1.15 - s.along / np.float32(s.length), 0.15, 1))
        width = taper * (1 + noise(rng, size_px, size_px // 10) * np.float32(0.25))
        edge = np.clip(1 - np.abs(s.distance - width - np.float32(scale)) / np.float32(1.2), 0, 1)
        mix(image, rgb(214, 208, 198), edge * depth * np.float32(0.4))
        cover = s.cover(width)
        mix(image, rgb(34, 31, 30), cover * depth)
        mask |= inside(width + np.float32(scale) - s.distance)
    return mask


def glue_strip(rng: np.random.Generator, image: Field, strength: Strength) -> Mask:
    """A strip of dried glue: a pale film with a bright rim."""
    size_px = image.shape[0]
    scale = scale_of(size_px)
    length, half = strength.grown(90, 300) * scale, strength.grown(9, 26) * scale
    line = wander(rng, ORIGIN, rng.uniform(0, 2 * np.pi), length, bend=0.15)
    s = stroke(centred(line, place(rng, size_px)), size_px, 2 * half)
    wobble = 1 + fractal(rng, size_px, size_px // 24, 2) * np.float32(0.1)
    depth = np.float32(half) * wobble - s.distance
    film = smooth_step(depth / np.float32(2 * scale))
    opaque = np.float32(strength.faded(0.4, 0.95))
    streaks = 1 + noise(rng, size_px, size_px // 12) * np.float32(0.18)
    mix(image, rgb(222, 216, 200), film * opaque * streaks)
    rim = np.clip(1 - np.abs(depth - np.float32(2.5 * scale)) / np.float32(2 * scale), 0, 1)
    image += (rim * s.side * np.float32(14 + 40 * opaque))[..., None]
    return inside(depth)


def gray_stroke(rng: np.random.Generator, image: Field, strength: Strength) -> Mask:
    """A smear of grey paint, streaked along the way of the brush."""
    size_px = image.shape[0]
    scale = scale_of(size_px)
    length, half = strength.grown(90, 320) * scale, strength.grown(10, 28) * scale
    line = wander(rng, ORIGIN, rng.uniform(0, 2 * np.pi), length, bend=0.7)
    s = stroke(centred(line, place(rng, size_px)), size_px, 2 * half)
    hairs = rng.normal(0, 1, 64)
    across = s.distance * s.side / np.float32(half) * 16 + 32
    streak = np.interp(np.clip(across, 0, 63), np.arange(64), hairs).astype(np.float32)
    fading = 1.15 - np.float32(0.4) * s.along / np.float32(s.length)
    ragged = 1 + streak * np.float32(0.12)
    depth = np.float32(half) * ragged - s.distance
    opaque = np.clip(fading + streak * np.float32(0.2), 0.15, 1) * np.float32(
        strength.faded(0.4, 0.95)
    )
    mix(image, rgb(106, 108, 112), smooth_step(depth / np.float32(2.5 * scale)) * opaque)
    return inside(depth)


def oil(rng: np.random.Generator, image: Field, strength: Strength) -> Mask:
    """A patch of oil: the stone looks wet, darker and warmer, with a soft gloss."""
    size_px = image.shape[0]
    scale = scale_of(size_px)
    radius = strength.grown(22, 85) * scale
    at = place(rng, size_px, 0.2)
    depth = blob(rng, size_px, at, radius, rough=0.2, stretch=rng.uniform(1, 1.3))
    film = smooth_step(depth / np.float32(5 * scale)) * np.float32(strength.faded(0.5, 1.0))
    image *= 1 - film[..., None] * rgb(0.34, 0.4, 0.52)
    gloss = blob(rng, size_px, at - 0.3 * radius, radius / 2.6, rough=0.2)
    image += (smooth_step(gloss / np.float32(radius / 3)) * film * 70)[..., None]
    return inside(depth)


def rough(rng: np.random.Generator, image: Field, strength: Strength) -> Mask:
    """A patch where the polish is scraped off: pale, dull, gritty."""
    size_px = image.shape[0]
    scale = scale_of(size_px)
    radius = strength.grown(28, 84) * scale
    at = place(rng, size_px, 0.2)
    depth = blob(rng, size_px, at, radius, rough=0.3, stretch=rng.uniform(1, 1.5))
    grit = noise(rng, size_px, GRIT) + grain(rng, size_px) * np.float32(0.4)
    worn = smooth_step(depth / np.float32(8 * scale)) * np.float32(strength.faded(0.4, 0.95))
    mix(image, rgb(224, 221, 216), worn * np.clip(0.75 + grit * np.float32(0.28), 0, 1))
    image += (grit * worn * 18)[..., None]
    return inside(depth)


TILE_DEFECTS = {
    "crack": crack,
    "glue_strip": glue_strip,
    "gray_stroke": gray_stroke,
    "oil": oil,
    "rough": rough,
}
