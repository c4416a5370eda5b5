"""Masks that were compressed with losses, as JPEG: which pixels they mean, where that is clear.

The losses leave dark pixels a little above zero and blur edges. Masks of MVTec AD bottle, MTD and
LGP saved as JPEG come back exactly at quality 50 and above; at 10 they overlap by 0.96 and more.
What has a third value, or as many pixels in between as a photograph, is refused. A label so dark
that it could be a loss (a tenth of the brightest) cannot be told from one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError

LOWEST_TOP = 64  # of values that stand out from losses
MOST_BETWEEN = (
    0.5  # pixels between dark and bright for each bright one; photographs have 0.9 and up
)
FLAT_WITHIN = 8  # values of neighbours, in a flat area
MOST_FLAT = 8  # pixels in flat areas of a third value, and one more for each 100 bright ones


def cut(values: NDArray[Any], kind: str) -> NDArray[np.bool_]:
    """The pixels that are bright: above half of what bright ones usually are.

    Args:
        values: H x W, uint8.
        kind: the format, for the error.

    Raises:
        ImageError: the values do not lie clearly at two ends.
    """
    top = int(values.max())
    if top == 0:
        return np.zeros(values.shape, np.bool_)
    bright = values > 0.75 * top
    count = int(np.count_nonzero(bright))
    dark = int(np.count_nonzero(values < 0.25 * top))
    between = values.size - count - dark
    third = _flat_between(values, 0.1 * top, 0.75 * top)
    apart = between <= MOST_BETWEEN * min(count, dark) and third <= MOST_FLAT + count / 100
    even = top - int(values.min()) <= 2 * FLAT_WITHIN  # all pixels are marked
    if top < LOWEST_TOP or not (even or (dark and apart)):
        raise ImageError(
            f"the mask is a {kind} compressed with losses, and its values are not clearly two (of "
            f"{values.size:,} pixels {count:,} are bright and {between:,} between dark and bright; "
            f"the highest is {top}): save it without losses, as PNG, 0 where good."
        )
    marked: NDArray[np.bool_] = values > np.median(values[bright]) / 2
    return marked


def is_lossy_webp(content: bytes) -> bool:
    """Whether the image of a WebP file is compressed with losses (a chunk `VP8 `, not `VP8L`)."""
    place = 12
    while place + 8 <= len(content):
        kind = content[place : place + 4]
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8 "
        length = int.from_bytes(content[place + 4 : place + 8], "little")
        place += 8 + length + length % 2
    return True


def _flat_between(values: NDArray[Any], low: float, high: float) -> int:
    """Pixels strictly between, whose eight neighbours are about the same: labels, not edges."""
    signed = values.astype(np.int16)
    middle = signed[1:-1, 1:-1]
    flat = (middle > low) & (middle < high)
    if not flat.any():
        return 0
    height, width = middle.shape
    for row in range(3):
        for column in range(3):
            neighbour = signed[row : row + height, column : column + width]
            flat &= np.abs(neighbour - middle) <= FLAT_WITHIN
    return int(np.count_nonzero(flat))
