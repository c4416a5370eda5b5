"""What the masks of an image say, in numbers: what is left of them once they have been read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.data.masks import MaskFile
from blemish.data.sample import Sample
from blemish.data.shapes import Shapes
from blemish.images.flat_values import grey_pixels
from blemish.images.header import Reader
from blemish.images.masks import DecodedMask
from blemish.result import GOOD


@dataclass(frozen=True, slots=True)
class AuditedMasks:
    """What the masks of one image say together.

    Attributes:
        marked: share of the image's pixels.
        border: share of the pixels along the image's border.
        grey: pixels whose values are between zero and the highest and no labels.
        lossy: a file is compressed with losses.
        background: a file marks every pixel, though not all have one value or colour.
        orientation: by which EXIF turns the image, where nothing tells whether masks follow it as
            stored or as turned; 1 where there is no such question.
        outside: shapes that lie mostly outside of the image.
    """

    marked: float
    border: float
    grey: int = 0
    lossy: bool = False
    background: bool = False
    orientation: int = 1
    outside: int = 0


def audited_masks(sample: Sample, size_hw: tuple[int, int], reader: Reader) -> AuditedMasks | None:
    """Read the masks of an image, each once; `None` where there are none.

    Args:
        sample: the image.
        size_hw: its height and width.
        reader: what a file may cost.

    Raises:
        ImageError: a mask cannot be used.
    """
    if not sample.masks:
        drawn = sample.read_mask(size_hw, reader) if sample.label != GOOD else None
        return None if drawn is None else AuditedMasks(float(drawn.mean()), _border(drawn))
    marked = np.zeros(size_hw, np.bool_)
    grey, lossy, background, told = 0, False, False, True
    for mask, decoded in zip(sample.masks, sample.decode_masks(size_hw, reader), strict=True):
        marked |= decoded.marked
        grey += grey_pixels(decoded.values)
        lossy |= decoded.lossy
        background |= _has_background(decoded)
        told &= decoded.turned or not isinstance(mask, MaskFile)
    orientation = 1 if told else _untold(sample.probe(reader).orientation, size_hw)
    share = float(marked.mean())
    outside = sum(one.outside(size_hw) for one in sample.masks if isinstance(one, Shapes))
    return AuditedMasks(share, _border(marked), grey, lossy, background, orientation, outside)


def _border(marked: NDArray[np.bool_]) -> float:
    edges = (marked[0], marked[-1], marked[1:-1, 0], marked[1:-1, -1])
    return float(np.concatenate(edges).mean())


def _has_background(decoded: DecodedMask) -> bool:
    return decoded.varied and bool(decoded.marked.all())


def _untold(orientation: int, size_hw: tuple[int, int]) -> int:
    """The orientation, unless it swaps height and width, whose order then tells."""
    return orientation if orientation < 5 or size_hw[0] == size_hw[1] else 1
