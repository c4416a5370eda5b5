"""Reading images: the one door through which pixels enter.

An image comes out as H x W x 3, uint8 or (16-bit grey) uint16, upright as its EXIF orientation
says, otherwise untouched: images are only decoded here, resizing is a part of the model's graph.
What cannot be read without loss (16-bit colour, floats, CMYK, several pages, alpha that hides
something) is refused and never quietly converted, as far as possible by its `header`. Whatever is
wrong with a file is an `ImageError` that names the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError
from blemish.images.header import (
    READER,
    Alpha,
    ImageFacts,
    Readable,
    Reader,
    ReadLimits,
    check_scans,
    check_size,
    depth_of_mode,
    facts_of,
    opened,
)
from blemish.images.orientation import orientation_of, upright

if TYPE_CHECKING:
    from PIL import Image

LEAST_OPAQUE = 0.01  # on average, of an image that is flattened
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})


def read_image(source: Readable, reader: Reader = READER) -> NDArray[Any]:
    """Read a PNG, JPEG, BMP, TIFF or WebP file.

    Args:
        source: path of the file, its bytes, or a file object open for reading; its content, not
            its suffix, says the format.
        reader: what it may cost, and what to do with transparency.

    Returns:
        The image, H x W x 3, uint8, or uint16 for 16-bit grey. Grey is repeated.

    Raises:
        ImageError: the file is missing, not an image, damaged, beyond the limits, or of a kind
            that cannot be read without loss.
    """
    with opened(source, reader.limits) as (image, facts):
        check_scans(image, facts, reader.limits)
        return _image(image, facts, reader.alpha)


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
        return _image(image, facts, reader.alpha)
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


def _image(image: Image.Image, facts: ImageFacts, alpha: Alpha) -> NDArray[Any]:
    """The decoded image; of what is flattened something must be left."""
    if facts.has_alpha and alpha == "flatten":
        opacity = np.asarray(image.convert("RGBA").getchannel("A"))
        if opacity.mean() < LEAST_OPAQUE * 255:
            raise ImageError(
                "is transparent nearly everywhere, so that nothing of it would be left on black; "
                "save it without alpha, or fit with alpha='drop', which takes its "
                "colours."
            )
    return _three_channels(pixels_of(image, facts, alpha))


def pixels_of(image: Image.Image, facts: ImageFacts, alpha: Alpha) -> NDArray[Any]:
    """The decoded pixels, upright: H x W (grey) or H x W x 3. Raises `ImageError`."""
    colours = _palette_size(image)
    image.load()
    if colours is not None:
        _check_indices(image, colours)
    orientation = orientation_of(image)  # asked now: Pillow may have turned the image itself
    if facts.bit_depth == 16:
        pixels = np.asarray(image).astype(np.uint16)
    else:
        pixels = np.asarray(_eight_bit(image, facts, alpha))
    return np.ascontiguousarray(upright(pixels, orientation))


def _eight_bit(image: Image.Image, facts: ImageFacts, alpha: Alpha) -> Image.Image:
    from PIL import Image

    wanted = "L" if facts.channels == "grey" else "RGB"
    if not facts.has_alpha:
        return image if image.mode == wanted else image.convert(wanted)
    image = image.convert("RGBA")
    if image.getchannel("A").getextrema()[0] == 255 or alpha == "drop":
        return image.convert(wanted)
    if alpha == "refuse":
        raise ImageError(
            "has transparent pixels, and what they hide is unclear; save it without alpha, or fit "
            "with alpha='flatten', which puts all images onto black, or with alpha='drop', which "
            "takes their colours as they are."
        )
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
