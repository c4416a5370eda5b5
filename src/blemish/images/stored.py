"""An image as its file stores it, where something other than Pillow decodes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Stored:
    """What the header says, and the way to the pixels.

    Attributes:
        size_hw: height and width, before anything is turned.
        bits: of a channel; 9 to 16 come as uint16, of which only so many are used.
        bands: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
        decode: gives H x W or H x W x bands, uint8 or uint16.
        orientation: EXIF orientation that the pixels still need, 1 to 8.
    """

    size_hw: tuple[int, int]
    bits: int
    bands: int
    decode: Callable[[], NDArray[Any]]
    orientation: int = 1

    @property
    def has_alpha(self) -> bool:
        """Whether the last band is an alpha channel."""
        return self.bands in (2, 4)

    def pixels(self) -> NDArray[Any]:
        """The decoded bands, H x W x bands. Raises `ValueError` where they are no such image."""
        values = self.decode()
        bands = values if values.ndim == 3 else values[..., np.newaxis]
        if bands.shape != (*self.size_hw, self.bands):
            raise ValueError(f"{values.shape} numbers, not {(*self.size_hw, self.bands)}")
        if 8 < self.bits < 16 and int(bands.max()) >> self.bits:  # some decoders stretch them
            raise ValueError(f"the number {bands.max()}, above all of {self.bits} bits")
        return bands
