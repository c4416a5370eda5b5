"""What says which pixels of an image are defective: files of pixels, and shapes from annotations.

An image may have several, and a pixel is defective where any of them says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blemish.data.shapes import Shapes
from blemish.images.header import probe_image
from blemish.images.masks import read_mask


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A file whose pixels are a mask; of another size than its image, it is refused.

    Attributes:
        path: of the file.
        page: which image of the file, where it is a TIFF of several; counted from 0.
        saturation: where the data set says how much of a region is enough to be found: values of
            pixels, each with that number of pixels, or, if the third is true, share of the region.
    """

    path: Path
    page: int | None = None
    saturation: tuple[tuple[int, float, bool], ...] = ()


Mask = MaskFile | Shapes


def marks_anything(path: Path) -> bool:
    """Whether a file marks any pixel of its image. Raises `ImageError` where it cannot be read."""
    return bool(read_mask(path, size_hw=probe_image(path).size_hw).any())


def mask_paths(masks: Sequence[Mask]) -> list[Path]:
    """The files that masks come from, each once, in order."""
    return list(dict.fromkeys(mask.path for mask in masks))


def digest_of(masks: Sequence[Mask], hashes: Sequence[str]) -> str:
    """One hash for all that masks say: of a single one its own, so that it is known elsewhere."""
    if len(masks) == 1:
        return hashes[0]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()
