"""Kinds of TIFF: which are not read, and why, told from the tags of the first page.

Pillow refuses some of them as damaged, and reads a few as something else. Reference: TIFF 6.0;
BigTIFF; TIFF/EP (mosaics).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from math import ceil
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError
from blemish.images.kinds import not_read

if TYPE_CHECKING:
    from PIL import Image, TiffImagePlugin

Tags = Mapping[int, Any]

MOST_PAGES = 1000  # that are counted
MOST_TILE_PIXELS = 1 << 22  # of an image that is smaller: each is decoded whole
MOST_STRIPS = 1 << 17  # Pillow reads them one by one, in Python

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _SAMPLES, _ROWS, _PLANAR, _COLOURS = 273, 277, 278, 284, 320
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _EXTRA, _FORMATS = 322, 323, 324, 338, 339

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_UNSAID = 0  # of a further band: what it is
_PHOTOMETRICS = {
    4: "a transparency mask",
    5: "CMYK",
    8: "CIE L*a*b*",
    9: "ICC L*a*b*",
    10: "ITU L*a*b*",
    32803: "a raw Bayer mosaic",
    32844: "LogL",
    32845: "LogLuv",
    34892: "linear raw of a camera",
}
_NUMBERS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
# What a TIFF says of its numbers, SampleFormat and bits: Pillow gives the bytes of some as others.
_STORED = {(1, 8): "u1", (2, 8): "i1", (1, 16): "u2", (2, 16): "i4", (1, 32): "u4", (2, 32): "i4",
           (3, 32): "f4"}  # fmt: skip


def open_tiff(stream: IO[bytes], head: bytes) -> TiffImagePlugin.TiffImageFile:
    """A TIFF as Pillow opens it.

    Args:
        stream: the file, at its beginning.
        head: its first 16 bytes or more.

    Raises:
        ImageError: it is of a kind that Pillow does not know.
    """
    from PIL import TiffImagePlugin

    if head.startswith(b"MM\0+"):
        raise not_read("BigTIFF in big-endian order, MM")
    tags = TiffImagePlugin.ImageFileDirectory_v2(head[: 16 if head[2] == 43 else 8])
    stream.seek(tags.next)
    tags.load(stream)
    stream.seek(0)
    try:
        return TiffImagePlugin.TiffImageFile(stream)
    except SyntaxError as error:
        if _WIDTH not in tags or _HEIGHT not in tags:
            raise
        raise not_read(unusable(tags) or _spell(tags)) from error


def unusable(tags: Tags) -> str:
    """Why a TIFF is not read, an empty string where it is."""
    photometric = tags.get(_PHOTOMETRIC)
    bits = tags.get(_BITS, (1,))
    numbers = next((_NUMBERS[n] for n in tags.get(_FORMATS, (1,)) if n in _NUMBERS), "")
    if photometric is None:
        return "a TIFF that does not say whether zero is black or white"
    if photometric in _PHOTOMETRICS:
        return _PHOTOMETRICS[photometric]
    if numbers or max(bits) > 16:
        return f"{max(bits)}-bit {f'{numbers} ' * bool(numbers)}numbers"
    if photometric == _PALETTE and not any(value > 255 for value in tags.get(_COLOURS, ())):
        return "a palette of 8-bit colours, where TIFF has 16 bits"
    if reason := _further_bands(tags, photometric):
        return reason
    uncompressed = tags.get(_COMPRESSION, 1) == 1
    return _laid_out_otherwise(tags, photometric, bits) if uncompressed else ""


def _further_bands(tags: Tags, photometric: int) -> str:
    """Which bands Pillow would leave out or read wrong, or an empty string."""
    further = tags.get(_SAMPLES, 1) - (3 if photometric in (_RGB, _YCBCR) else 1)
    said = [kind for kind in tags.get(_EXTRA, ()) if kind != _UNSAID]
    if further > len(said):
        return f"{further} further band{'s' * (further > 1)} of which it does not say what it is"
    if further and tags.get(_PLANAR, 1) == 2 and photometric == _BLACK_IS_ZERO:
        return "grey with further bands, planes apart"  # compressed or not
    return ""


def _laid_out_otherwise(tags: Tags, photometric: int, bits: tuple[int, ...]) -> str:
    """Which order of uncompressed bytes Pillow would take for another, or an empty string."""
    apart = tags.get(_PLANAR, 1) == 2
    if apart and (tags.get(_FILL_ORDER, 1) == 2 or photometric not in (_BLACK_IS_ZERO, _RGB)):
        return "planes apart, in an order that is not known"
    if apart and set(bits) != {8}:
        return f"planes of {max(bits)} bits apart"
    if photometric == _YCBCR:
        return "YCbCr that is not compressed"
    return ""


def stored_as(tags: Tags) -> str | None:
    """The type of a TIFF's numbers, `f4` say; `None` but for one band of them, black as zero."""
    bits, numbers = tags.get(_BITS, (1,)), tags.get(_FORMATS, (1,))
    if len(bits) > 1 or tags.get(_PHOTOMETRIC, _BLACK_IS_ZERO) != _BLACK_IS_ZERO:
        return None
    return _STORED.get((numbers[0], bits[0]))


def numbers_of(image: Image.Image, stored: str) -> NDArray[Any]:
    """The pixels of a TIFF as numbers of the type that `stored_as` gave, H x W."""
    values = np.asarray(image)
    return values.astype(values.dtype.newbyteorder("="), copy=False).view(stored)


def is_lossy(tags: Tags) -> bool:
    """Whether its compression may change pixels: JPEG, old and new, or WebP."""
    return tags.get(_COMPRESSION, 1) in (6, 7, 50001)


def check_strips(tags: Tags) -> None:
    """Raise `ImageError` where strips or tiles are missing, which Pillow leaves black, or many."""
    width, height = tags[_WIDTH], tags[_HEIGHT]
    offsets = tags.get(_STRIPS) or tags.get(_TILES) or ()
    if len(offsets) > MOST_STRIPS:
        raise ImageError(
            f"is in {len(offsets)} strips or tiles, at most {MOST_STRIPS} are read; save it anew."
        )
    tile = tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_HEIGHT, 0)
    if _STRIPS not in tags and tile > max(MOST_TILE_PIXELS, 4 * width * height):
        raise ImageError(f"has tiles of {tile:,} pixels, far more than the image; save it anew.")
    if tags.get(_COMPRESSION, 1) != 1:
        return  # libtiff sees to the rest
    rows, columns = tags.get(_ROWS, height), width
    if _STRIPS not in tags:
        rows, columns = tags.get(_TILE_HEIGHT, 0), tags.get(_TILE_WIDTH, 0)
    if min(rows, columns) < 1:
        raise ImageError("has strips or tiles without a size, it may be damaged.")
    planes = tags.get(_SAMPLES, 1) if tags.get(_PLANAR, 1) == 2 else 1
    wanted = ceil(height / min(rows, height)) * ceil(width / columns) * planes
    if len(offsets) < wanted:
        raise ImageError(
            f"has {len(offsets)} of {wanted} strips or tiles, it may be damaged or cut off."
        )


def count_pages(stream: IO[bytes]) -> int:
    """How many pages a TIFF holds, at most `MOST_PAGES`; no tags are read for it.

    Args:
        stream: the file; it is left where it was.
    """
    before = stream.tell()
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head.startswith(b"II") else ">"
    count, entry, place = ("Q", 20, "Q") if head[2] == 43 else ("H", 12, "I")
    where = struct.unpack_from(order + place, head, 8 if head[2] == 43 else 4)[0]
    seen: set[int] = set()
    while where and where not in seen and len(seen) < MOST_PAGES:
        seen.add(where)
        stream.seek(where)
        entries = _number(stream, order + count)
        stream.seek(entries * entry, 1)
        where = _number(stream, order + place)
    stream.seek(before)
    return len(seen)


def _number(stream: IO[bytes], form: str) -> int:
    """The next number; 0 where the file is over."""
    data = stream.read(struct.calcsize(form))
    return struct.unpack(form, data)[0] if len(data) == struct.calcsize(form) else 0


def _spell(tags: Tags) -> str:
    bits, samples = tags.get(_BITS, (1,)), tags.get(_SAMPLES, 1)
    return (
        f"a TIFF of {samples} band{'s' * (samples != 1)} of {'/'.join(map(str, sorted(set(bits))))}"
        f" bits, photometric {tags.get(_PHOTOMETRIC)}, compression {tags.get(_COMPRESSION, 1)}"
    )
