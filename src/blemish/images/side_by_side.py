"""A column beside an image: its odd patches, and next to each the good one it was compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blemish.images.overlay import CASING_RGB, ImageArray, displayable

SHARE = 4  # of the image's longer side, that a patch's is
LEAST_PX = 48  # of a patch's side
NOT_KEPT_RGB = (90, 96, 104)  # where nobody kept how the good one looks


class Pair(NamedTuple):
    """A patch of an image, and the good one, if known how it looks: h x w x 3, uint8."""

    odd: NDArray[np.uint8]
    good: NDArray[np.uint8] | None


def beside(canvas: NDArray[Any], pairs: Sequence[Pair]) -> ImageArray:
    """An image with its pairs in two columns to the right: odd left, good right.

    Args:
        canvas: H x W x 3, uint8.
        pairs: as many as fit below each other are drawn.

    Returns:
        An image that is as high, or as high as one pair takes.
    """
    image = displayable(canvas)
    if not pairs:
        return image
    side = max(LEAST_PX, max(image.shape[:2]) // SHARE)
    gap = max(2, side // 16)
    fitting = max(1, (image.shape[0] - gap) // (side + gap))
    height = max(image.shape[0], side + 2 * gap)
    shown = np.empty((height, image.shape[1] + 2 * side + 3 * gap, 3), np.uint8)
    shown[:] = CASING_RGB
    shown[: image.shape[0], : image.shape[1]] = image
    for number, pair in enumerate(pairs[:fitting]):
        top = gap + number * (side + gap)
        for column, patch in enumerate(pair):
            left = image.shape[1] + gap + column * (side + gap)
            shown[top : top + side, left : left + side] = _square(patch, side)
    return shown


def in_a_row(pairs: Sequence[Pair], *, side_px: int) -> ImageArray:
    """Pairs next to each other: odd, good, then after a gap the next."""
    gap = max(2, side_px // 16)
    width = len(pairs) * (2 * side_px + 3 * gap) + gap
    shown = np.empty((side_px + 2 * gap, width, 3), np.uint8)
    shown[:] = CASING_RGB
    for number, pair in enumerate(pairs):
        for column, patch in enumerate(pair):
            left = gap + number * (2 * side_px + 3 * gap) + column * (side_px + gap)
            shown[gap : gap + side_px, left : left + side_px] = _square(patch, side_px)
    return shown


def _square(patch: NDArray[np.uint8] | None, side: int) -> ImageArray:
    """A patch enlarged to a square; grey where there is none."""
    from PIL import Image

    if patch is None or 0 in patch.shape:
        return np.broadcast_to(np.array(NOT_KEPT_RGB, np.uint8), (side, side, 3))
    enlarged = Image.fromarray(patch).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(enlarged)
