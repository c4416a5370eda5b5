"""Reading images: the one door through which pixels enter.

An image comes out as H x W x 3, uint8 or (of more than 8 bits) uint16, upright as its EXIF
orientation says, otherwise untouched: images are only decoded here, resizing is a part of the
model's graph. What cannot be read without loss (floats, CMYK, alpha that hides something) is
refused and never quietly converted, as far as possible by its `header`. Whatever is wrong with a
file is an `ImageError` that names the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError
from blemish.images import suffixes
from blemish.images.header import (
    READER,
    Alpha,
    ImageFacts,
    Readable,
    Reader,
    ReadLimits,
    Undecoded,
    check_scans,
    check_size,
    facts_of,
    opened,
)
from blemish.images.orientation import orientation_of, upright
from blemish.images.pillow import depth_of_mode
from blemish.images.stored import Stored

if TYPE_CHECKING:
    from PIL import Image

IMAGE_SUFFIXES = suffixes.IMAGE_SUFFIXES
LEAST_OPAQUE = 0.01  # on average, of an image that is flattened
_TRANSPARENT = (
    "has transparent pixels, and what they hide is unclear; save it without alpha, or fit with "
    "alpha='flatten', which puts all images onto black, or with alpha='drop', which takes their "
    "colours as they are."
)


def read_image(source: Readable, reader: Reader = READER) -> NDArray[Any]:
    """Read an image file of any format that `blemish.images.kinds` names, or a raw one.

    Args:
        source: path of the file, its bytes, a file object open for reading, or a `FilePage`, one
            of several images in it; its content, not its suffix, says the format.
        reader: what it may cost, what to do with transparency, and how raw files are laid out.

    Returns:
        The image, H x W x 3, uint8, or uint16 where it has more than 8 bits. Grey is repeated.

    Raises:
        ImageError: the file is missing, not an image, damaged, beyond the limits, or of a kind
            that cannot be read without loss.
    """
    with opened(source, reader) as file:
        check_scans(file, reader.limits)
        return _image(file, reader.alpha)


def as_image(image: NDArray[Any] | Image.Image, reader: Reader = READER) -> NDArray[Any]:
    """Check an image that is already decoded, with the rules of `read_image`.

    Args:
        image: an array H x W, H x W x 1 or H x W x 3, uint8 or uint16, RGB in this order; or a
            Pillow image, which is turned upright and treated as if it had been read from a file.
        reader: `max_pixels` and `min_side_px` are checked; its `alpha` is for Pillow images.

    Returns:
        The image, H x W x 3, uint8 or uint16, contiguous; it may share memory with `image`.

    Raises:
        ImageError: the array or image is none of these.
    """
    if isinstance(image, np.ndarray):
        return _as_image_from_array(image, reader.limits)
    from PIL import Image

    if not isinstance(image, Image.Image):
        raise ImageError(
            "An image must be a path, bytes, a file object, an array or a Pillow image; got "
            f"{type(image).__name__}."
        )
    try:
        facts = facts_of(image, image.format or "Pillow", depth_of_mode(image.mode))
        check_size(facts.size_hw, reader.limits)
        return _image(Undecoded(facts, image), reader.alpha)
    except ImageError as error:
        raise ImageError(f"The Pillow image cannot be used: {error}") from error


def _as_image_from_array(array: NDArray[Any], limits: ReadLimits) -> NDArray[Any]:
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    channels = native.shape[2] if native.ndim == 3 else 1
    if (
        native.dtype not in (np.uint8, np.uint16)
        or native.ndim not in (2, 3)
        or channels not in (1, 3)
    ):
        raise ImageError(
            "An image must be an array H x W, H x W x 1 or H x W x 3 of uint8 or uint16; "
            f"got shape {array.shape} of {array.dtype}."
        )
    height, width = native.shape[:2]
    try:
        check_size((height, width), limits)
    except ImageError as error:
        raise ImageError(f"The array cannot be used: it {error}") from error
    pixels = native if channels == 3 else native.reshape(height, width)
    return np.ascontiguousarray(_three_channels(pixels))


def _image(file: Undecoded, alpha: Alpha) -> NDArray[Any]:
    """The decoded image; of what is flattened something must be left."""
    if file.facts.has_alpha and alpha == "flatten" and opacity_of(file).mean() < LEAST_OPAQUE:
        raise ImageError(
            "is transparent nearly everywhere, so that nothing of it would be left on black; save "
            "it without alpha, or fit with alpha='drop', which takes its colours."
        )
    return _three_channels(pixels_of(file, alpha))


def opacity_of(file: Undecoded) -> NDArray[Any]:
    """From 0, transparent, to 1, upright: H x W. Raises `ImageError`."""
    source = file.source
    if isinstance(source, Stored):
        alpha, most = source.pixels()[:, :, -1], 2**source.bits - 1
        return upright(alpha / most, source.orientation)
    alpha = np.asarray(source.convert("RGBA").getchannel("A"))
    return upright(alpha / 255, orientation_of(source))


def pixels_of(file: Undecoded, alpha: Alpha) -> NDArray[Any]:
    """The decoded pixels, upright: H x W (grey) or H x W x 3. Raises `ImageError`."""
    if isinstance(file.source, Stored):
        pixels = _of_stored(file.source, alpha)
        return np.ascontiguousarray(upright(pixels, file.source.orientation))
    image = file.source
    colours = _palette_size(image)
    image.load()
    if colours is not None:
        _check_indices(image, colours)
    orientation = orientation_of(image)  # asked now: Pillow may have turned the image itself
    if file.facts.bit_depth == 16:
        pixels = np.asarray(image).astype(np.uint16)
    else:
        pixels = np.asarray(_eight_bit(image, file.facts, alpha))
    return np.ascontiguousarray(upright(pixels, orientation))


def _of_stored(stored: Stored, alpha: Alpha) -> NDArray[Any]:
    """The bands of an image without its alpha, H x W or H x W x 3."""
    bands = stored.pixels()
    if not stored.has_alpha:
        return bands[:, :, 0] if stored.bands == 1 else bands
    colours, opacity = bands[:, :, :-1], bands[:, :, -1:]
    most = 2**stored.bits - 1
    if alpha == "refuse" and opacity.min() < most:
        raise ImageError(_TRANSPARENT)
    if alpha == "flatten":
        flat = (colours.astype(np.uint32) * opacity + most // 2) // most
        colours = flat.astype(bands.dtype)
    return colours[:, :, 0] if stored.bands == 2 else colours


def _eight_bit(image: Image.Image, facts: ImageFacts, alpha: Alpha) -> Image.Image:
    from PIL import Image

    wanted = "L" if facts.channels == "grey" else "RGB"
    if not facts.has_alpha:
        return image if image.mode == wanted else image.convert(wanted)
    image = image.convert("RGBA")
    if image.getchannel("A").getextrema()[0] == 255 or alpha == "drop":
        return image.convert(wanted)
    if alpha == "refuse":
        raise ImageError(_TRANSPARENT)
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, image).convert(wanted)


def _palette_size(image: Image.Image) -> int | None:
    """Colours in the palette of an image, as it was before decoding; `None` where it has none."""
    palette = image.palette if image.mode == "P" else None
    if palette is None or not len(palette.palette):
        return None
    return len(palette.palette) // len((palette.rawmode or palette.mode).split(";")[0])


def _check_indices(image: Image.Image, colours: int) -> None:
    """Raise `ImageError` where a pixel names no colour; Pillow would make one up."""
    _, highest = cast("tuple[int, int]", image.getextrema())
    if highest >= colours:
        raise ImageError(
            f"has pixels of colour {highest}, its palette only {colours}; it may be damaged."
        )


def _three_channels(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
