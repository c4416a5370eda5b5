"""Shapes that people and tools draw on images, and the pixels that they cover."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Shapes:
    """What an annotation file says of one image.

    Attributes:
        path: the annotation file, for messages.
        sha256: hash of what it says of this image, hexadecimal.
    """

    path: Path
    sha256: str

    def draw(self, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
        """The pixels that they cover, H x W.

        Raises:
            ImageError: they were drawn on an image of another size.
        """
        raise NotImplementedError
