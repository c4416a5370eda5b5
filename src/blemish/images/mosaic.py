"""Colours from a Bayer mosaic, bilinear: each that a pixel lacks is the mean of its neighbours.

A red or blue pixel takes green from the four beside it, and the other colour from the four at its
corners; a green one takes red and blue from the two beside it or above and below. Values are
rounded half up. At the border the image goes on mirrored, the outermost pixel not repeated, so
that colours stay where the mosaic has them. Nothing is balanced or sharpened.

It is the plainest of all ways on purpose: what a detector is to find must not be what a clever
one made up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PATTERNS = ("rg", "gr", "gb", "bg")  # the first two pixels of the first row
_COLOURS = "rgb"


def demosaic(mosaic: NDArray[Any], pattern: str) -> NDArray[Any]:
    """RGB of a mosaic.

    Args:
        mosaic: H x W, uint8 or uint16, at least 2 x 2.
        pattern: one of `PATTERNS`.

    Returns:
        H x W x 3, of the same type.
    """
    height, width = mosaic.shape
    around = np.pad(mosaic, 1, mode="reflect").astype(np.uint32)
    image = np.empty((height, width, 3), mosaic.dtype)
    for top in (0, 1):
        for left in (0, 1):
            part = image[top::2, left::2]

            def at(down: int, right: int, top: int = top, left: int = left) -> NDArray[Any]:
                """The neighbours of these pixels that lie so far from them."""
                rows = slice(1 + top + down, 1 + height + down, 2)
                return around[rows, slice(1 + left + right, 1 + width + right, 2)]

            own, beside = _at(pattern, top, left), _at(pattern, top, 1 - left)
            part[:, :, _COLOURS.index(own)] = at(0, 0)
            if own == "g":
                part[:, :, _COLOURS.index(beside)] = _mean(at(0, -1), at(0, 1))
                above = _at(pattern, 1 - top, left)
                part[:, :, _COLOURS.index(above)] = _mean(at(-1, 0), at(1, 0))
            else:
                crosses = at(-1, 0), at(1, 0), at(0, -1), at(0, 1)
                part[:, :, 1] = _mean(*crosses)
                corners = at(-1, -1), at(-1, 1), at(1, -1), at(1, 1)
                part[:, :, _COLOURS.index("b" if own == "r" else "r")] = _mean(*corners)
    return image


def _at(pattern: str, row: int, column: int) -> str:
    """The colour of a pixel: where the first row has red, the second has blue."""
    second = {"rg": "gb", "gr": "bg", "gb": "rg", "bg": "gr"}[pattern]
    return (pattern, second)[row % 2][column % 2]


def _mean(*values: NDArray[Any]) -> NDArray[Any]:
    total = sum(values[1:], start=values[0])
    return (total + len(values) // 2) // len(values)
