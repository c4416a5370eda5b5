"""Images to check detectors on: a grey weave with some noise, and the same with a bright blot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.images.format import ImageFormat

SIDE_PX = 72
BLOT_ROW, BLOT_COLUMN = 35, 40
TRAINING_IMAGES = 12

ImageArray = NDArray[np.uint8]


class DrawnImages:
    """Images in memory as a detector takes them, in the order of their names."""

    image_format = ImageFormat()

    def __init__(self, images: Mapping[str, ImageArray]) -> None:
        self._images = dict(sorted(images.items()))
        self.sizes_hw = [(p.shape[0], p.shape[1]) for p in self._images.values()]
        self.names = list(self._images)
        self.split_keys = list(self._images)

    def __iter__(self) -> Iterator[tuple[str, ImageArray]]:
        return iter(self._images.items())

    def part(self, numbers: Sequence[int]) -> DrawnImages:
        """Some of them."""
        names = [self.names[number] for number in numbers]
        return DrawnImages({name: self._images[name] for name in names})


def training_images() -> dict[str, ImageArray]:
    """Good images by their names."""
    return {f"{seed:02}": weave(seed) for seed in range(TRAINING_IMAGES)}


def weave(seed: int, size_hw: tuple[int, int] = (SIDE_PX, SIDE_PX)) -> ImageArray:
    """A good image, H x W x 3."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(size_hw)
    phase = rng.uniform(0, 2 * np.pi, 2)
    waves = np.sin(rows * 0.8 + phase[0]) + np.sin(columns * 0.8 + phase[1])
    grey = 120 + 25 * waves + rng.normal(0, 4, size_hw)
    return _as_image(np.repeat(grey[..., None], 3, axis=2))


def blotted(seed: int, contrast: float) -> ImageArray:
    """The weave of a seed with a bright blot at `BLOT_ROW`, `BLOT_COLUMN`."""
    image = weave(seed).astype(np.float32)
    rows, columns = np.indices(image.shape[:2])
    blot = np.exp(-((rows - BLOT_ROW) ** 2 + (columns - BLOT_COLUMN) ** 2) / 30)
    return _as_image(image + contrast * blot[..., None])


def ordinary_images() -> Iterator[tuple[str, ImageArray]]:
    """Images as they come, each with a word for it."""
    yield "training", weave(0)
    yield "good", weave(100)
    yield "blotted", blotted(100, 120)
    noise = np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX, 3))
    yield "noisy", noise.astype(np.uint8)


def odd_images() -> Iterator[tuple[str, ImageArray]]:
    """Images that hardly ever come, each with a word for it."""
    yield "black", np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    yield "white", np.full((SIDE_PX, SIDE_PX, 3), 255, np.uint8)
    yield "tiny", weave(1, (8, 8))
    yield "non-square", weave(1, (50, 90))
    yield "large", weave(1, (300, 250))
    yield "flat", weave(1, (16, 400))
    yield "narrow", weave(1, (400, 16))


def _as_image(values: NDArray[Any]) -> ImageArray:
    clipped: NDArray[Any] = np.clip(values, 0, 255)
    return clipped.astype(np.uint8)
