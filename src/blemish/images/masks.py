"""Masks: files whose pixels say which pixels of an image are defective.

A pixel is defective where it is not zero, in any channel: each label of a file counts, at whatever
depth, and nothing is cut at half of a range. What is transparent is no defect. Compression with
losses (JPEG, some WebP) leaves no exact zeros: there the values must lie at two ends, and are cut
between them. What cannot be told is refused with the reason, never guessed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError
from blemish.images.decoders import chosen_page
from blemish.images.flat_values import MOST_LABELS, count_values, is_cut_out
from blemish.images.header import (
    READER,
    FileContent,
    FilePage,
    Readable,
    Reader,
    ReadLimits,
    Undecoded,
    check_bytes,
    check_file,
    check_scans,
    check_size,
    in_memory,
    name_of,
    naming,
    opened,
    path_of,
    probe_image,
    read_content,
    spell_size,
    streamed,
)
from blemish.images.kinds import HEAD_BYTES, kind_of
from blemish.images.lossy import cut, is_lossy_webp
from blemish.images.orientation import orientation_of, upright, upright_size
from blemish.images.pillow import open_tiff, trusting_our_limit
from blemish.images.read import opacity_of, pixels_of
from blemish.images.stored import Stored
from blemish.images.suffixes import IMAGE_SUFFIXES
from blemish.images.tiff import check_strips, is_lossy, numbers_of, stored_as
from blemish.images.tiff_pages import whole_pages

if TYPE_CHECKING:
    from PIL import Image

MASK_SUFFIXES = IMAGE_SUFFIXES | {".npy"}
MAYBE_LOSSY = frozenset({"AVIF", "HEIF", "JPEG 2000", "JPEG XL"})  # their headers do not tell
NOISELESS = 32  # pixels for each byte of a PNG: no photograph has so little noise

_ARRAY = b"\x93NUMPY"
_NUMBERS = frozenset({"i1", "i4", "u4", "f4"})  # of a TIFF, which no image has
_ARRAY_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True, slots=True)
class DecodedMask:
    """What a mask file says.

    Attributes:
        values: H x W, upright: the highest channel of a pixel, zero where it is no defect; of a
            file compressed with losses only whether it is one.
        varied: not all pixels are the same.
        lossy: the file was compressed with losses.
        turned: its own EXIF orientation has turned it.
    """

    values: NDArray[Any]
    varied: bool
    lossy: bool = False
    turned: bool = False

    @property
    def marked(self) -> NDArray[np.bool_]:
        """The mask, H x W, True where defective."""
        marked: NDArray[np.bool_] = self.values != 0
        return marked


@dataclass(frozen=True, eq=False)
class Saturating:
    """A region of which a part is enough.

    Attributes:
        mask: H x W, true in the region.
        enough_px: how many of its pixels, found, count as all of it.
    """

    mask: NDArray[np.bool_]
    enough_px: float


def read_mask(
    source: Readable, *, size_hw: tuple[int, int], reader: Reader = READER
) -> NDArray[np.bool_]:
    """Read a mask: a pixel is defective where it is not zero, in any channel.

    Transparent pixels are not; where all is black and the alpha channel varies, alpha is the mask.
    Pixels of a palette go by their colour. JPEG and WebP with losses are cut at half of their
    bright values, where these are clearly apart from dark ones.

    Args:
        source: of any format that `read_image` takes, a TIFF of 32-bit integers or floats, or a
            NumPy array (`.npy`), H x W or H x W x 1; its content, not its suffix, says which.
        size_hw: height and width of the image that the mask belongs to, once upright.
        reader: what it may cost.

    Returns:
        The mask, H x W, True where defective.

    Raises:
        ImageError: the file cannot be read, is of another size, or its values do not tell which
            pixels are defective.
    """
    return decode_mask(source, size_hw=size_hw, reader=reader).marked


def decode_mask(
    source: Readable, *, size_hw: tuple[int, int] | None = None, reader: Reader = READER
) -> DecodedMask:
    """The values of a mask, for whoever wants to know more of it; otherwise as `read_mask`.

    Args:
        source: the file.
        size_hw: of its image; any size will do where it is left out.
        reader: what it may cost.
    """
    file = in_memory(source, reader.limits)
    if _is_array(file, reader.limits):
        with naming(name_of(file)):
            values = _plain(_array(_content_of(file, reader.limits), size_hw, reader.limits))
            return DecodedMask(values, _varies(values))
    if numbers := _numbers(file, size_hw, reader.limits):
        return numbers
    with opened(file, reader) as found:
        _check_fits(found.facts.size_hw, size_hw)
        check_scans(found, reader.limits)
        decoded = _colours(found, file)
        _check_fits(decoded.values.shape, size_hw)  # a PNG may tell that it is turned at its end
        return decoded


def looks_like_a_mask(source: Readable, reader: Reader = READER) -> bool:
    """Whether an image holds what masks hold and photographs do not: a few flat values.

    That is up to 8 values, nearly all pixels at zero or at the highest value, or what a mask
    becomes that is compressed with losses. A file that cannot be read as a mask looks like none.
    A PNG of very few bytes is not decoded for it.
    """
    file = in_memory(source, reader.limits)
    with suppress(ImageError):  # it may be of a kind that no image is
        facts = probe_image(file, reader)
        height, width = facts.size_hw
        if facts.format == "PNG" and NOISELESS * facts.file_bytes < height * width:
            return True
    try:
        decoded = decode_mask(file, reader=reader)
    except ImageError:
        return False
    values = decoded.values
    return decoded.lossy or count_values(values, MOST_LABELS) > 0 or is_cut_out(values)


def _numbers(
    file: Path | FilePage | FileContent, size_hw: tuple[int, int] | None, limits: ReadLimits
) -> DecodedMask | None:
    """A TIFF of numbers that images do not have; `None` for any other file."""
    with streamed(file, limits) as stream:
        head = stream.read(HEAD_BYTES)
        stream.seek(0)
        if kind_of(head) != "TIFF":
            return None
        page = chosen_page(whole_pages(stream), None if isinstance(file, Path) else file.page)
        tags = page.all_tags(stream)
        stored = stored_as(tags)
        if stored not in _NUMBERS:
            return None
        check_strips(tags)
        image = open_tiff(stream, page, tags)
        found_hw = upright_size(image)
        check_size(found_hw, limits)
        _check_fits(found_hw, size_hw)
        turned = orientation_of(image) != 1
        with trusting_our_limit(found_hw):
            image.load()
            values = upright(numbers_of(image, stored), orientation_of(image))
        values = _plain(np.ascontiguousarray(values))
        return DecodedMask(values, _varies(values), turned=turned)


def _colours(file: Undecoded, source: Path | FilePage | FileContent) -> DecodedMask:
    """A file of a kind that images have."""
    facts = file.facts
    lossy = _has_losses(file, source)
    pixels = pixels_of(file, "drop")
    values = pixels if pixels.ndim == 2 else pixels.max(axis=2)
    if facts.has_alpha:
        values = _shown(values, np.rint(255 * opacity_of(file)).astype(np.uint8))
    elif not values.any() and not isinstance(file.source, Stored):
        _check_palette(file.source)
    lossy = lossy or (facts.format in MAYBE_LOSSY and not count_values(values, MOST_LABELS))
    values = cut(values, facts.format) if lossy else values
    after = 1 if isinstance(file.source, Stored) else orientation_of(file.source)
    turned = facts.orientation != 1 or after != 1
    return DecodedMask(values, _varies(pixels), lossy=lossy, turned=turned)


def _shown(values: NDArray[Any], opacity: NDArray[np.uint8]) -> NDArray[Any]:
    """The values where something is to be seen; the opacity where all is black."""
    shown: NDArray[Any] = np.where(opacity > 0, values, 0)
    if shown.any():
        return shown
    if values.any():
        raise ImageError(
            "the mask would be empty: it has values only where it is transparent; save it without "
            "alpha, 0 where good and 255 where defective."
        )
    lowest, highest = int(opacity.min()), int(opacity.max())
    if lowest == highest:
        return shown
    if lowest > 0:
        raise ImageError(
            "the mask is black, and nowhere wholly transparent, so that neither colour nor alpha "
            "tells what is good; save it without alpha, 0 where good and 255 where defective."
        )
    return opacity


def _check_palette(image: Image.Image) -> None:
    """Raise `ImageError` where labels of a palette would be lost, as all its colours are black."""
    if image.mode == "P" and len(set(image.getextrema())) > 1:
        raise ImageError(
            "the mask would be empty: its pixels have several labels, but their palette is black; "
            "save the labels as grey values, 0 where good."
        )


def _has_losses(file: Undecoded, source: Path | FilePage | FileContent) -> bool:
    """Whether its header tells that it is compressed with losses."""
    if file.facts.format == "WEBP":
        if isinstance(source, FileContent):
            return is_lossy_webp(source.content)
        return is_lossy_webp(path_of(source).read_bytes())
    return file.facts.format == "JPEG" or is_lossy(getattr(file.source, "tag_v2", {}))


def _is_array(file: Path | FilePage | FileContent, limits: ReadLimits) -> bool:
    if isinstance(file, FileContent):
        return file.content.startswith(_ARRAY)
    with naming(str(file)):
        check_file(path_of(file), limits)
        with path_of(file).open("rb") as stream:
            return stream.read(len(_ARRAY)) == _ARRAY


def _content_of(file: Path | FilePage | FileContent, limits: ReadLimits) -> bytes:
    if not isinstance(file, FileContent):
        return read_content(path_of(file), limits)
    check_bytes(len(file.content), limits)
    return file.content


def _array(content: bytes, size_hw: tuple[int, int] | None, limits: ReadLimits) -> NDArray[Any]:
    """A NumPy array, H x W; what its header says is looked at first, and nothing is unpickled."""
    stream = BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version not in _ARRAY_HEADERS:
        raise ImageError("is a NumPy array of named fields; save a plain one, H x W.")
    shape, by_columns, dtype = _ARRAY_HEADERS[version](stream)
    if dtype.kind not in "biuf":
        raise ImageError(f"holds {dtype}; a mask must hold booleans, integers or floats.")
    if len(shape) not in (2, 3) or shape[2:] not in ((), (1,)):
        spelled = " x ".join(map(str, shape)) or "a single number"
        raise ImageError(f"is {spelled}; a mask must be H x W or H x W x 1.")
    found_hw = (shape[0], shape[1])
    check_size(found_hw, limits)
    _check_fits(found_hw, size_hw)
    values = np.frombuffer(content, dtype, found_hw[0] * found_hw[1], stream.tell())
    return values.reshape(found_hw, order="F" if by_columns else "C")


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers of which each says something."""
    if values.dtype.kind == "f":
        unknown = values.size - int(np.count_nonzero(np.isfinite(values)))
        if unknown:
            raise ImageError(
                f"{unknown:,} of the mask's {values.size:,} values are not finite numbers (NaN or "
                "infinite); save 0 where good and 1 where defective."
            )
    if values.dtype.kind in "if" and (values < 0).any():
        raise ImageError(
            f"the mask has negative values, down to {values.min()}, and what they mean is unclear; "
            "save 0 where good and 1 where defective."
        )
    return values


def _varies(pixels: NDArray[Any]) -> bool:
    return bool((pixels != pixels[:1, :1]).any())


def _check_fits(found_hw: tuple[int, ...], size_hw: tuple[int, int] | None) -> None:
    if size_hw is None or found_hw == tuple(size_hw):
        return
    height, width = found_hw
    told = f"the mask is {spell_size((height, width))} but its image is {spell_size(size_hw)}"
    if (width, height) == tuple(size_hw):
        raise ImageError(
            f"{told}, the other way round: if an EXIF orientation turns the image, the mask "
            "follows it as stored; turn the mask as well, or save the image upright, without EXIF "
            "orientation, and draw the mask anew."
        )
    raise ImageError(f"{told}; they must be of one size: export the mask at the image's size.")
