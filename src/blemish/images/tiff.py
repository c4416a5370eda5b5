"""Kinds of TIFF: which are not read, and why, told from the tags of a page.

Pillow refuses some of them as damaged, and reads a few as something else; some of those that are
left another decoder reads. Reference: TIFF 6.0; BigTIFF; TIFF/EP (mosaics).
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError
from blemish.images.kinds import not_read
from blemish.images.tiff_pages import Page, Tags

if TYPE_CHECKING:
    from PIL import Image

MOST_TILE_PIXELS = 1 << 22  # of an image that is smaller: each is decoded whole
MOST_STRIPS = 1 << 17  # Pillow reads them one by one, in Python

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _ORIENTATION, _SAMPLES, _ROWS, _PLANAR, _COLOURS = 273, 274, 277, 278, 284, 320
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _EXTRA, _FORMATS = 322, 323, 324, 338, 339

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_UNSAID, _UNASSOCIATED_ALPHA = 0, 2  # of a further band: what it is
_UNPACKED_BY_PILLOW = frozenset({1, 2, 4, 8, 12, 16})  # bits of grey
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


def size_of(tags: Tags) -> tuple[int, int]:
    """Height and width as stored."""
    return one(tags, _HEIGHT), one(tags, _WIDTH)


def bits_of(tags: Tags) -> int:
    """Bits of a channel."""
    return max(tags.get(_BITS, (1,)))


def orientation_in(tags: Tags) -> int:
    """EXIF orientation, 1 to 8."""
    orientation = one(tags, _ORIENTATION, 1)
    return orientation if orientation in range(1, 9) else 1


def one(tags: Tags, tag: int, default: int | None = None) -> int:
    """The first value of a tag; one that must be there may be missing from a damaged file."""
    found = tags.get(tag, () if default is None else (default,))
    if not found:
        raise ImageError(f"has no tag {tag}, it may be damaged.")
    return found[0]


def unusable(tags: Tags) -> str:
    """Why a TIFF is not read, an empty string where it is."""
    photometric = one(tags, _PHOTOMETRIC, -1)
    numbers = next((_NUMBERS[n] for n in tags.get(_FORMATS, (1,)) if n in _NUMBERS), "")
    if photometric < 0:
        return "a TIFF that does not say whether zero is black or white"
    if photometric in _PHOTOMETRICS:
        return _PHOTOMETRICS[photometric]
    if numbers or bits_of(tags) > 16:
        return f"{bits_of(tags)}-bit {f'{numbers} ' * bool(numbers)}numbers"
    if photometric == _PALETTE and not any(value > 255 for value in tags.get(_COLOURS, ())):
        return "a palette of 8-bit colours, where TIFF has 16 bits"
    if bits_of(tags) > 8 and photometric == _WHITE_IS_ZERO:
        return "16-bit grey with white as zero"  # white itself may be that of fewer bits
    return _further_bands(tags, photometric) or _laid_out_otherwise(tags, photometric)


def needs_codecs(tags: Tags, page: Page) -> str:
    """What of a usable TIFF Pillow does not read, or not in full; an empty string if it does."""
    bits, photometric = bits_of(tags), one(tags, _PHOTOMETRIC)
    if photometric not in (_BLACK_IS_ZERO, _RGB) or len(set(tags.get(_BITS, (1,)))) > 1:
        return ""
    plain = one(tags, _COMPRESSION, 1) == 1
    reasons = {
        "BigTIFF in big-endian order (MM)": page.is_big and page.order == ">",
        f"{bits}-bit colour": bits > 8 and photometric == _RGB,
        f"{bits}-bit grey with an alpha channel": bits > 8 and one(tags, _SAMPLES, 1) > 1,
        f"grey of {bits} bits": bits not in _UNPACKED_BY_PILLOW,
        f"a plane of {bits} bits": bits > 8 and one(tags, _PLANAR, 1) == 2 and plain,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def bands_of(tags: Tags) -> int:
    """How many bands there are to be decoded in full. Raises `ImageError`."""
    bands = one(tags, _SAMPLES, 1)
    alpha = tags.get(_EXTRA, ())
    if bands in (2, 4) and alpha != (_UNASSOCIATED_ALPHA,):
        raise not_read(f"{bits_of(tags)} bits and an alpha that is multiplied into them")
    if bands not in (1, 2, 3, 4):
        raise not_read(f"{bands} bands of {bits_of(tags)} bits")
    return bands


def are_planes_apart(tags: Tags) -> bool:
    """Whether there is a band after the other."""
    return one(tags, _PLANAR, 1) == 2 and one(tags, _SAMPLES, 1) > 1


def _further_bands(tags: Tags, photometric: int) -> str:
    """Which bands Pillow would leave out or read wrong, or an empty string."""
    further = one(tags, _SAMPLES, 1) - (3 if photometric in (_RGB, _YCBCR) else 1)
    said = [kind for kind in tags.get(_EXTRA, ()) if kind != _UNSAID]
    if further > len(said):
        return f"{further} further band{'s' * (further > 1)} of which it does not say what it is"
    if further and one(tags, _PLANAR, 1) == 2 and photometric == _BLACK_IS_ZERO:
        return "grey with further bands, planes apart"  # compressed or not
    return ""


def _laid_out_otherwise(tags: Tags, photometric: int) -> str:
    """Which order of uncompressed bytes Pillow would take for another, or an empty string."""
    if one(tags, _COMPRESSION, 1) != 1:
        return ""
    apart = one(tags, _PLANAR, 1) == 2
    if apart and (one(tags, _FILL_ORDER, 1) == 2 or photometric not in (_BLACK_IS_ZERO, _RGB)):
        return "planes apart, in an order that is not known"
    bits = set(tags.get(_BITS, (1,)))
    if apart and (len(bits) > 1 or bits_of(tags) < 8):
        return f"planes of {bits_of(tags)} bits apart"
    if photometric == _YCBCR:
        return "YCbCr that is not compressed"
    return ""


def stored_as(tags: Tags) -> str | None:
    """The type of a TIFF's numbers, `f4` say; `None` but for one band of them, black as zero."""
    bits, numbers = tags.get(_BITS, (1,)), tags.get(_FORMATS, (1,))
    if len(bits) > 1 or one(tags, _PHOTOMETRIC, _BLACK_IS_ZERO) != _BLACK_IS_ZERO:
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
    height, width = size_of(tags)
    offsets = tags.get(_STRIPS) or tags.get(_TILES) or ()
    if len(offsets) > MOST_STRIPS:
        raise ImageError(
            f"is in {len(offsets)} strips or tiles, at most {MOST_STRIPS} are read; save it anew."
        )
    tile_hw = one(tags, _TILE_HEIGHT, 0), one(tags, _TILE_WIDTH, 0)
    if _STRIPS not in tags and tile_hw[0] * tile_hw[1] > max(MOST_TILE_PIXELS, 4 * width * height):
        raise ImageError(
            f"has tiles of {tile_hw[0] * tile_hw[1]:,} pixels, far more than the image; save it "
            "anew."
        )
    if one(tags, _COMPRESSION, 1) != 1:
        return  # libtiff sees to the rest
    rows, columns = (one(tags, _ROWS, height), width) if _STRIPS in tags else tile_hw
    if min(rows, columns) < 1:
        raise ImageError("has strips or tiles without a size, it may be damaged.")
    planes = one(tags, _SAMPLES, 1) if one(tags, _PLANAR, 1) == 2 else 1
    wanted = ceil(height / min(rows, height)) * ceil(width / columns) * planes
    if len(offsets) < wanted:
        raise ImageError(
            f"has {len(offsets)} of {wanted} strips or tiles, it may be damaged or cut off."
        )


def spell(tags: Tags) -> str:
    """What a TIFF is that Pillow does not know."""
    bits, samples = tags.get(_BITS, (1,)), one(tags, _SAMPLES, 1)
    return (
        f"a TIFF of {samples} band{'s' * (samples != 1)} of {'/'.join(map(str, sorted(set(bits))))}"
        f" bits, photometric {one(tags, _PHOTOMETRIC)}, compression {one(tags, _COMPRESSION, 1)}"
    )
