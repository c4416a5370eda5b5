"""What the images of a model are made of, so that a line camera's output is never misread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from blemish.errors import ImageError

WHITE_LEVELS_16 = (1023, 4095, 16383, 65535)  # of 10, 12, 14 and 16 bit cameras


@dataclass(frozen=True)
class ImageFormat:
    """Bits a channel in memory (8 or 16), and the value that counts as white."""

    bit_depth: Literal[8, 16] = 8
    white_level: Annotated[int, Meta(ge=1, le=65535)] = 255

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """The type of an image's array, and of a model's input."""
        return np.uint8 if self.bit_depth == 8 else np.uint16

    def check(self, image: NDArray[Any], name: str = "the image") -> None:
        """Raise `ImageError` where an image is not of this depth."""
        if image.dtype != self.dtype:
            raise ImageError(
                f"{name}: has {image.dtype.itemsize * 8} bits a channel, the model was fitted on "
                f"{self.bit_depth}-bit images; convert it, or fit a model on such images."
            )


def format_16_bit(brightest: int) -> ImageFormat:
    """The format of 16-bit images whose brightest value is this.

    Cameras of 10, 12 and 14 bits write their values into 16 unshifted; white is then the lowest of
    those full scales that holds every value.
    """
    return ImageFormat(16, next(level for level in WHITE_LEVELS_16 if brightest <= level))
