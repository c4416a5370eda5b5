"""How few values an image has, and whether they lie in flat areas: what tells masks from others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_LABELS = 8  # in one file
CUT_OUT = 0.95  # share of pixels at zero or at the highest value
_LOOKED_AT = 4096  # pixels that show nearly always that there are many values


def count_values(pixels: NDArray[Any], most: int) -> int:
    """How many different values the pixels have; 0 where these are more than `most`.

    Args:
        pixels: H x W, or H x W x 3 of uint8 or uint16, where a colour is a value.
        most: 1 or more.
    """
    flat = pixels.reshape(-1, *pixels.shape[2:])
    some = flat[:: max(1, len(flat) // _LOOKED_AT)]
    return _count(_one_number(flat), most) if _count(_one_number(some), most) else 0


def is_cut_out(values: NDArray[Any]) -> bool:
    """Whether nearly all pixels, H x W, are zero or of the highest value, and there are both."""
    low, high = np.count_nonzero(values == 0), np.count_nonzero(values == values.max())
    return bool(min(low, high) > 0 and low + high >= CUT_OUT * values.size)


def grey_pixels(values: NDArray[Any]) -> int:
    """Pixels of a mask, H x W, between zero and the highest value; 0 where they are labels.

    Labels lie in flat areas, soft edges and noise do not. A pixel is in a flat area where a square
    of 2 x 2 pixels around it has its value. What lies between is grey where the pixels in none have
    more values than files have labels, or are more than half of it and of several values.
    """
    between = (values != 0) & (values != values.max())
    count = int(np.count_nonzero(between))
    soft = values[between & ~_in_flat_areas(values)] if count else values[between]
    if soft.size == 0:
        return 0
    kinds = count_values(soft[np.newaxis], MOST_LABELS)
    return count if kinds == 0 or (kinds > 1 and 2 * soft.size > count) else 0


def _in_flat_areas(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels in a square of 2 x 2 of one value."""
    rows, columns = values[1:] == values[:-1], values[:, 1:] == values[:, :-1]
    squares = rows[:, 1:] & rows[:, :-1] & columns[1:]
    flat = np.zeros(values.shape, np.bool_)
    for row in (slice(1, None), slice(None, -1)):
        for column in (slice(1, None), slice(None, -1)):
            flat[row, column] |= squares
    return flat


def _one_number(pixels: NDArray[Any]) -> NDArray[Any]:
    """Colours, N x 3, as one number for each pixel; plain values as they are."""
    if pixels.ndim == 1:
        return pixels
    step = np.uint64(1 << 8 * pixels.dtype.itemsize)
    red, green, blue = (pixels[:, band].astype(np.uint64) for band in range(3))
    colours: NDArray[Any] = (red * step + green) * step + blue
    return colours


def _count(rest: NDArray[Any], most: int) -> int:
    count = 0
    while rest.size:
        if count == most:
            return 0
        count += 1
        rest = rest[rest != rest[0]]
    return count
