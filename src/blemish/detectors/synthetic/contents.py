"""What a synthetic defect is made of: the image as it would be if the defect were everywhere.

All take and give H x W x 3 in levels, 0..255, as float32.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from blemish.detectors.synthetic.covers import clouds

Picture = NDArray[np.float32]
Rng = np.random.Generator


def paint(rng: Rng, image: Picture, other: Picture) -> Picture:  # noqa: ARG001
    """One colour, more or less opaque, and not quite even."""
    colour = rng.uniform(0, 255, 3) * (rng.random() < 0.6) + rng.choice([0, 30, 225, 255])
    uneven = 8 * clouds(rng, image.shape[:2], 12)[..., None]
    opaque = rng.uniform(0.35, 1)
    return _levels((1 - opaque) * image + opaque * (np.minimum(colour, 255) + uneven))


def shade(rng: Rng, image: Picture, other: Picture) -> Picture:  # noqa: ARG001
    """Darker or brighter."""
    by = rng.choice([rng.uniform(0.3, 0.8), rng.uniform(1.2, 1.8)])
    return _levels(image * by)


def tinge(rng: Rng, image: Picture, other: Picture) -> Picture:  # noqa: ARG001
    """Of another colour; grey images become darker or brighter."""
    return _levels(image + rng.choice([-1, 1]) * rng.uniform(15, 70, 3))


def foreign(rng: Rng, image: Picture, other: Picture) -> Picture:
    """Another good image, turned, larger or smaller, with other contrast."""
    height, width = image.shape[:2]
    picture = Image.fromarray(_bytes(other))
    turned = picture.rotate(float(rng.uniform(0, 360)), Image.Resampling.BILINEAR)
    share = rng.uniform(0.3, 0.65)
    left, top = (side * (1 - share) / 2 for side in turned.size)
    middle = (left, top, turned.width - left, turned.height - top)
    found = np.asarray(turned.resize((width, height), Image.Resampling.BILINEAR, box=middle))
    mean = found.mean()
    return _levels((found - mean) * rng.uniform(0.5, 1.6) + mean + rng.normal(0, 25))


def moved(rng: Rng, image: Picture, other: Picture) -> Picture:  # noqa: ARG001
    """The image itself from another place: something is missing, doubled or out of line."""
    turned = image[:, ::-1] if rng.random() < 0.3 else image
    shifts = [int(rng.uniform(0.1, 0.9) * side) for side in image.shape[:2]]
    if rng.random() < 0.3:
        shifts[rng.integers(2)] = 0
    away: Picture = np.roll(turned, shifts, axis=(0, 1))
    return away


def blurred(rng: Rng, image: Picture, other: Picture) -> Picture:  # noqa: ARG001
    """Without its finer details, or without any."""
    sigma = rng.uniform(0.01, 0.08) * min(image.shape[:2])
    smooth = Image.fromarray(_bytes(image)).filter(ImageFilter.GaussianBlur(sigma))
    return np.asarray(smooth).astype(np.float32)


def grained(rng: Rng, image: Picture, other: Picture) -> Picture:  # noqa: ARG001
    """Rough: noise of single pixels or of grains, of all colours or grey."""
    size_hw = image.shape[:2]
    cells = int(min(size_hw) / rng.uniform(1, 6))
    noise = clouds(rng, size_hw, cells)[..., None]
    return _levels(image + rng.uniform(15, 50) * noise)


def matter(rng: Rng, image: Picture, other: Picture) -> Picture:  # noqa: ARG001
    """Something with a texture of its own, in two colours."""
    size_hw = image.shape[:2]
    field = clouds(rng, size_hw, int(rng.integers(6, 50)))
    field += 0.5 * clouds(rng, size_hw, int(rng.integers(40, 120)))
    share = 1 / (1 + np.exp(-rng.uniform(1, 5) * field))[..., None]
    colours = rng.uniform(0, 255, (2, 3))
    return _levels(colours[0] + share * (colours[1] - colours[0]))


def gloss(rng: Rng, image: Picture, other: Picture) -> Picture:  # noqa: ARG001
    """Wet or polished: more contrast, and lights."""
    size_hw = image.shape[:2]
    lights = np.maximum(clouds(rng, size_hw, int(rng.integers(6, 30))) - 0.8, 0)[..., None]
    mean = image.mean(axis=(0, 1))
    return _levels((image - mean) * rng.uniform(1.2, 1.8) + mean * 0.85 + 90 * lights)


CONTENTS: dict[str, Callable[[Rng, Picture, Picture], Picture]] = {
    one.__name__: one
    for one in (paint, shade, tinge, foreign, moved, blurred, grained, matter, gloss)
}
"""All kinds of matter, by name."""


def _levels(values: NDArray[np.floating]) -> Picture:
    clipped: Picture = np.clip(values, 0, 255).astype(np.float32)
    return clipped


def _bytes(values: Picture) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
