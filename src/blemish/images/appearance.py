"""How an image looks as a whole: its size, brightness, contrast and colour, whatever it shows.

Brightness is the mean of all values, contrast their standard deviation over the pixels, colour the
mean difference between a pixel's highest and lowest channel (0 for grey). Each is estimated from a
fixed sample of pixels, drawn at random because a regular grid would beat with regular textures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLED_PIXELS = 16_384  # the mean is then good to 0.4 % of white at most, by its standard error


@dataclass(frozen=True, slots=True)
class Appearance:
    """What an image looks like as a whole.

    Attributes:
        size_hw: height and width in pixels.
        brightness, contrast, colour: in the units of the image's values, or, once `relative`, as
            shares of the value that counts as white.
    """

    size_hw: tuple[int, int]
    brightness: float
    contrast: float
    colour: float

    def relative(self, white_level: int) -> Appearance:
        """The same with brightness, contrast and colour as shares of white."""
        return replace(
            self,
            brightness=self.brightness / white_level,
            contrast=self.contrast / white_level,
            colour=self.colour / white_level,
        )


def appearance_of(image: NDArray[Any]) -> Appearance:
    """How an image looks, H x W x 3; the same for the same pixels, always."""
    height, width = image.shape[:2]
    pixels = image.reshape(-1, 3)
    if len(pixels) > SAMPLED_PIXELS:
        pixels = pixels[_places(len(pixels))]
    red, green, blue = pixels.T.astype(np.float32, order="C")  # along the pixels NumPy is fast
    grey = (red + green + blue) / 3
    highest = np.maximum(np.maximum(red, green), blue)
    lowest = np.minimum(np.minimum(red, green), blue)
    colour = float((highest - lowest).mean())
    return Appearance((height, width), float(grey.mean()), float(grey.std()), colour)


@lru_cache(maxsize=16)  # images of a line have one size
def _places(pixels: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(0).integers(pixels, size=SAMPLED_PIXELS))
