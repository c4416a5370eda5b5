"""Drawn leather: brown hide with a fine pebbled grain, lit from the side."""

from __future__ import annotations

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
    relief,
    rgb,
    scale_of,
    smooth_step,
    speckle,
)
from blemish.surfaces.shapes import ORIGIN, blob, centred, place, stroke, wander
from blemish.surfaces.strength import Strength

HIDE = rgb(128, 82, 54)
INKS = np.array([[150, 34, 40], [40, 56, 120], [48, 44, 40], [190, 150, 110]], np.float32)
PEBBLE_PX = 10
LIGHT_FROM = -2.2  # radians: from the upper left


def draw_leather(rng: np.random.Generator, size_px: int) -> Field:
    """A good piece of leather."""
    scale = scale_of(size_px)
    pebbles = cells(rng, size_px, max(3, round(PEBBLE_PX * scale)), warp=0.3, jitter=0.85)
    rise = np.minimum(pebbles.gap * np.float32(1.7), 1)
    height = rise * (2 - rise) - pebbles.nearest * np.float32(0.3)
    slope = relief(height, LIGHT_FROM + rng.normal(0, 0.06)) * np.float32(0.36 * scale)
    folds = relief(fractal(rng, size_px, 7, 3), LIGHT_FROM) * np.float32(1.2 * scale)
    mottle = fractal(rng, size_px, 8, 4) * np.float32(0.03)
    pores = noise(rng, size_px, size_px // 3) * np.float32(0.02)
    shine = (height * np.float32(0.16) + 0.92 + slope + folds + mottle + pores) * light(
        rng, size_px
    )
    image: Field = shine[..., None] * (HIDE * (1 + rng.normal(0, 0.006, 3)).astype(np.float32))
    image += (np.maximum(slope, 0) * np.float32(40))[..., None]
    image += grain(rng, size_px)[..., None] * np.float32(2)
    speckle(rng, image, most=5, contrast=16)
    return image


def color(rng: np.random.Generator, image: Field, strength: Strength) -> Mask:
    """A stain of ink or dye; the grain shows through."""
    size_px = image.shape[0]
    scale = scale_of(size_px)
    radius = strength.grown(7, 36) * scale
    depth = blob(rng, size_px, place(rng, size_px), radius, rough=0.22, stretch=rng.uniform(1, 1.6))
    ink = INKS[rng.integers(len(INKS))]
    cover = smooth_step(depth / np.float32(4 * scale)) * np.float32(strength.faded(0.08, 0.75))
    mix(image, image * (ink / HIDE), cover)
    return inside(depth)


def cut(rng: np.random.Generator, image: Field, strength: Strength) -> Mask:
    """A cut with a knife: a thin dark slit, one lip raised to the light."""
    size_px = image.shape[0]
    scale = scale_of(size_px)
    length = strength.grown(24, 130) * scale
    line = wander(rng, ORIGIN, rng.uniform(0, 2 * np.pi), length, bend=0.25)
    s = stroke(centred(line, place(rng, size_px)), size_px, 10 * scale + 2)
    ends = np.clip(np.minimum(s.along, s.length - s.along) / np.float32(0.25 * s.length), 0.2, 1)
    half = np.float32(strength.grown(0.7, 2.2) * max(scale, 0.6)) * ends
    deep = np.float32(strength.faded(0.18, 0.92))
    lip = np.clip(1 - np.abs(s.distance - half - np.float32(scale)) / np.float32(2.2 * scale), 0, 1)
    image += (lip * s.side * deep * np.float32(34))[..., None] * rgb(1, 0.82, 0.66)
    mix(image, rgb(38, 22, 16), s.cover(half) * deep)
    return inside(half + np.float32(1.6 * scale) - s.distance)


def fold(rng: np.random.Generator, image: Field, strength: Strength) -> Mask:
    """A crease from folding: a soft ridge, bright on one side and dark on the other."""
    size_px = image.shape[0]
    scale = scale_of(size_px)
    length, half = strength.grown(130, 460) * scale, strength.grown(5, 13) * scale
    line = wander(rng, ORIGIN, rng.uniform(0, 2 * np.pi), length, bend=0.35)
    s = stroke(centred(line, place(rng, size_px)), size_px, 2.2 * half)
    ends = smooth_step(np.minimum(s.along, s.length - s.along) / np.float32(0.3 * s.length))
    across = np.minimum(s.distance / np.float32(half), 2)
    ridge = np.maximum(1 - (across - 1) * (across - 1), 0) * s.side
    crest = np.maximum(1 - across * np.float32(4), 0)
    broken = np.clip(noise(rng, size_px, size_px // 8) + np.float32(0.8), 0, 1)
    shade = (ridge * np.float32(0.26) - crest * broken * np.float32(0.4)) * ends
    image *= 1 + (shade * np.float32(strength.faded(0.16, 0.92)))[..., None]
    return inside(np.float32(1.6 * half) - s.distance) & inside(ends - np.float32(0.02))


def glue(rng: np.random.Generator, image: Field, strength: Strength) -> Mask:
    """Drops of clear glue: they level the grain and carry a gloss."""
    size_px = image.shape[0]
    scale = scale_of(size_px)
    radius = strength.grown(9, 36) * scale
    at = place(rng, size_px)
    depth = blob(rng, size_px, at, radius, rough=0.2, stretch=rng.uniform(1, 1.8))
    film = smooth_step(depth / np.float32(6 * scale))
    opaque = np.float32(strength.faded(0.14, 0.85))
    mix(image, HIDE * np.float32(1.12), film * opaque * np.float32(0.6))
    rim = np.clip(relief(film, LIGHT_FROM) * np.float32(6 * scale), -1, 1)
    image += (rim * opaque * np.float32(42))[..., None]
    gloss = blob(rng, size_px, at - np.float32(0.3 * radius), radius / 3.5, rough=0.15)
    image += (smooth_step(gloss / np.float32(radius / 4)) * film * opaque * 70)[..., None]
    return inside(depth)


def poke(rng: np.random.Generator, image: Field, strength: Strength) -> Mask:
    """Holes of a needle: a dark pit, the hide around it pulled in."""
    size_px = image.shape[0]
    scale = scale_of(size_px)
    mask = np.zeros((size_px, size_px), bool)
    for _ in range(int(rng.integers(1, 3))):
        radius = strength.grown(3, 9) * scale
        depth = blob(rng, size_px, place(rng, size_px), radius, rough=0.1)
        deep = np.float32(strength.faded(0.22, 0.95))
        rim = np.clip(1 - np.abs(depth / np.float32(radius) + np.float32(0.25)) * 3, 0, 1)
        image += (rim * deep * np.float32(26))[..., None]
        pit = smooth_step(depth / np.float32(0.6 * radius) + np.float32(0.2))
        mix(image, rgb(36, 22, 16), pit * deep)
        mask |= inside(depth + np.float32(0.35 * radius))
    return mask


LEATHER_DEFECTS = {"color": color, "cut": cut, "fold": fold, "glue": glue, "poke": poke}
