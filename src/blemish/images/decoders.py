"""Looking at the header of an image file: what decodes it in full, or why it is not read.

Most of it is Pillow's work. What Pillow would cut to 8 bits, stretch or take for something else is
told here from the file's own header, and decoded otherwise, or refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError
from blemish.images import deep, jpeg2000, jpegxl, netpbm, pillow, tiff
from blemish.images.kinds import HEAD_BYTES, kind_of, not_read
from blemish.images.orientation import orientation_of, stored_size
from blemish.images.stored import Stored
from blemish.images.tiff_pages import Page, whole_pages

if TYPE_CHECKING:
    from PIL import ImageFile


@dataclass(frozen=True)
class Found:
    """What a file turned out to be.

    Attributes:
        format: PNG, JPEG, TIFF, ...
        bits: of a channel, as the file has it.
        source: what gives the pixels.
    """

    format: str
    bits: int
    source: ImageFile.ImageFile | Stored


def find_decoder(stream: IO[bytes], page: int | None = None) -> Found:
    """What a file is, by its content.

    Args:
        stream: the file, at its beginning; it is to stay open until the image is decoded.
        page: which of several images, counted from 0; `None` where there must be a single one.

    Raises:
        ImageError: it is no image, is not read, or holds another number of images.
    """
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    kind = kind_of(head)
    if kind == "TIFF":
        return _tiff(stream, page)
    if page:
        raise ImageError(f"holds a single image, there is no image {page + 1}.")
    looks: dict[str, Callable[[IO[bytes]], Found]] = {
        "PNG": _png,
        "PNM": lambda stream: _stored("PNM", netpbm.look(stream)),
        "JPEG 2000": _jpeg2000,
        "JPEG XL": _jpegxl,
        "AVIF": _avif,
        "HEIF": _heif,
    }
    return looks[kind](stream) if kind in looks else _by_pillow(stream, kind)


def _stored(kind: str, stored: Stored) -> Found:
    return Found(kind, stored.bits, stored)


def _by_pillow(stream: IO[bytes], kind: str) -> Found:
    image = pillow.open_pillow(stream, kind)
    return Found(kind, pillow.depth_of_mode(image.mode), image)


def _deep(image: Any, bits: int, bands: int, decode: Callable[[], NDArray[Any]]) -> Stored:
    """An image whose header Pillow reads, decoded otherwise."""
    width, height = stored_size(image)
    return Stored((height, width), bits, bands, decode, orientation_of(image))


def _png(stream: IO[bytes]) -> Found:
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    image, bits, colour = pillow.open_pillow(stream, "PNG"), head[24], bool(head[25] & 2)
    pillow.scale_transparent_grey(image, bits=bits)
    has_alpha = image.has_transparency_data
    if bits < 16 or not (colour or has_alpha):
        return Found("PNG", bits, image)
    what = "16-bit colour" if colour else "16-bit grey with transparency"
    decode = deep.decoder("png", stream, what)
    return Found("PNG", bits, _deep(image, bits, (3 if colour else 1) + has_alpha, decode))


def _tiff(stream: IO[bytes], number: int | None) -> Found:
    page = chosen_page(whole_pages(stream), number)
    tags = page.all_tags(stream)
    height, width = tiff.size_of(tags)
    if reason := tiff.unusable(tags):
        raise not_read(reason)
    bits = tiff.bits_of(tags)
    if what := tiff.needs_codecs(tags, page):
        if bits not in (8, 16):  # imagecodecs of before 2026 takes packed ones for whole ones
            raise not_read(what)
        bands, planes = tiff.bands_of(tags), tiff.are_planes_apart(tags)
        decode = deep.tiff_decoder(stream, page.number, what, planes=planes)
        tiff.check_strips(tags)
        orientation = tiff.orientation_in(tags)
        return _stored("TIFF", Stored((height, width), bits, bands, decode, orientation))
    image = pillow.open_tiff(stream, page, tags)
    tiff.check_strips(tags)
    return Found("TIFF", bits, image)


def chosen_page(pages: list[Page], number: int | None) -> Page:
    """The page of a number, counted from 0, or the only one. Raises `ImageError`."""
    if not pages:
        raise ImageError("has no page that can be found, it may be damaged.")
    if number is None and len(pages) > 1:
        raise ImageError(
            f"holds {len(pages)} images; `images_of` names each, or save the one to look at as a "
            "file of its own."
        )
    if (number or 0) >= len(pages):
        raise ImageError(f"holds {len(pages)} image(s), there is no image {(number or 0) + 1}.")
    return pages[number or 0]


def _jpeg2000(stream: IO[bytes]) -> Found:
    found = jpeg2000.components_of(stream)
    image = pillow.open_pillow(stream, "JPEG 2000")
    if found.bits == 8:
        return Found("JPEG 2000", 8, image)
    if found.count == 1:

        def decode() -> NDArray[Any]:  # Pillow stretches the values of fewer bits to 16
            return np.asarray(image).astype(np.uint16) >> (16 - found.bits)

    else:
        decode = deep.decoder("jpeg2k", stream, f"{found.bits}-bit colour")
    return Found("JPEG 2000", found.bits, _deep(image, found.bits, found.count, decode))


def _jpegxl(stream: IO[bytes]) -> Found:
    found = jpegxl.header_of(stream)
    decode = deep.decoder("jpegxl", stream, "JPEG XL")
    return _stored("JPEG XL", Stored(found.size_hw, found.bits, found.bands, decode))


def _avif(stream: IO[bytes]) -> Found:
    bits = pillow.avif_bits(stream)
    image = pillow.open_pillow(stream, "AVIF")
    if bits == 8:
        return Found("AVIF", 8, image)
    decode = deep.decoder("avif", stream, f"AVIF of {bits} bits")
    return Found("AVIF", bits, _deep(image, bits, len(image.getbands()), decode))


def _heif(stream: IO[bytes]) -> Found:
    image = pillow.open_pillow(stream, "HEIF")
    bits = int(image.info.get("bit_depth", 8))
    if bits == 8:
        return Found("HEIF", 8, image)

    def decode() -> NDArray[Any]:
        from pillow_heif import open_heif

        stream.seek(0)
        file = open_heif(stream, convert_hdr_to_8bit=False, hdr_to_16bit=False)
        return np.array(file)  # a copy, made while the file that has the memory is there

    return Found("HEIF", bits, _deep(image, bits, len(image.getbands()), decode))
