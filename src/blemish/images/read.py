"""Reading pictures and masks: the one door through which pixels enter.

A picture comes out as H x W x 3, uint8 or (16-bit grey) uint16, upright as its EXIF orientation
says, otherwise untouched: pictures are only decoded here, resizing is a part of the model's graph.
Sizes are checked against `ReadLimits` from the file's header, before anything is decoded. What
cannot be read without loss (16-bit colour, floats, CMYK, several pages, alpha that hides
something) is refused and never quietly converted. Whatever is wrong with a file is an `ImageError`
that names the file.
"""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError
from blemish.settings import Settings, setting

if TYPE_CHECKING:
    from PIL import Image, ImageFile

Alpha = Literal["refuse", "flatten"]

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr"})
_GREY_MODES = frozenset({"1", "L", "LA", "La"})
_GREY_16_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
_ORIENTATION_TAG = 0x0112
_pillow_limit = threading.Lock()


@dataclass(frozen=True)
class ReadLimits(Settings):
    """What a picture file may cost at most: a guard against decompression bombs and stray files."""

    max_pixels: int = setting(100_000_000, "Most pixels a picture may have.", at_least=1)
    max_bytes: int = setting(1 << 30, "Largest file that is opened, in bytes.", at_least=1)
    min_side_px: int = setting(8, "Shortest side a picture may have.", at_least=1)


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What a picture's header says.

    Attributes:
        size_hw: height and width in pixels, once upright.
        bit_depth: 8 or 16.
        channels: `grey` or `rgb`.
        has_alpha: there is an alpha channel or a transparent colour; it may still hide nothing.
        format: PNG, JPEG, BMP, TIFF or WEBP.
    """

    size_hw: tuple[int, int]
    bit_depth: int
    channels: Literal["grey", "rgb"]
    has_alpha: bool
    format: str


DEFAULT_LIMITS = ReadLimits()


def probe_picture(path: str | Path, *, limits: ReadLimits = DEFAULT_LIMITS) -> PictureFacts:
    """What the header of a picture says, without decoding it.

    Raises:
        ImageError: `read_picture` would refuse the file for what its header says.
    """
    with _opened(Path(path), limits) as (_, facts):
        return facts


def read_picture(
    path: str | Path, *, limits: ReadLimits = DEFAULT_LIMITS, alpha: Alpha = "refuse"
) -> NDArray[Any]:
    """Read a PNG, JPEG, BMP, TIFF or WebP file.

    Args:
        path: the file; its content, not its suffix, says the format.
        limits: checked before anything is decoded.
        alpha: what to do with transparency that hides something: `refuse` the picture, or
            `flatten` it onto black. Fully opaque alpha is dropped either way.

    Returns:
        The picture, H x W x 3, uint8, or uint16 for 16-bit grey. Grey is repeated.

    Raises:
        ImageError: the file is missing, not a picture, damaged, beyond the limits, or of a kind
            that cannot be read without loss.
    """
    with _opened(Path(path), limits) as (image, facts):
        return _three_channels(_pixels(image, facts, alpha))


def read_mask(
    path: str | Path, *, size_hw: tuple[int, int], limits: ReadLimits = DEFAULT_LIMITS
) -> NDArray[np.bool_]:
    """Read a mask: a pixel is a defect where any channel is above half of its range.

    Transparent pixels are no defect. A mask that has values other than zero but none above half of
    its range (a mask of zeros and ones, say) is refused, because it would read as empty.

    Args:
        path: the file, of any format and depth that `read_picture` takes.
        size_hw: height and width of the picture that the mask belongs to.
        limits: checked before anything is decoded.

    Returns:
        The mask, H x W, True where defective.

    Raises:
        ImageError: the file cannot be read, is of another size, or would read as empty by mistake.
    """
    with _opened(Path(path), limits) as (image, facts):
        if facts.size_hw != tuple(size_hw):
            raise ImageError(
                f"the mask is {_spell_size(facts.size_hw)} but its picture is "
                f"{_spell_size(size_hw)}; they must be of one size."
            )
        values = _pixels(image, facts, "flatten")
    values = values if values.ndim == 2 else values.max(axis=2)
    return _above_half(values, Path(path))


def as_picture(
    image: NDArray[Any] | Image.Image,
    *,
    limits: ReadLimits = DEFAULT_LIMITS,
    alpha: Alpha = "refuse",
) -> NDArray[Any]:
    """Check a picture that is already in memory, with the rules of `read_picture`.

    Args:
        image: an array H x W, H x W x 1 or H x W x 3, uint8 or uint16, RGB in this order; or a
            Pillow image, which is turned upright and treated as if it had been read from a file.
        limits: `max_pixels` and `min_side_px` are checked.
        alpha: as in `read_picture`, for Pillow images.

    Returns:
        The picture, H x W x 3, uint8 or uint16, contiguous; it may share memory with `image`.

    Raises:
        ImageError: the array or image is none of these.
    """
    if isinstance(image, np.ndarray):
        return _as_picture_from_array(image, limits)
    from PIL import Image

    if not isinstance(image, Image.Image):
        raise ImageError(
            f"A picture must be an array or a Pillow image; got {type(image).__name__}."
        )
    try:
        facts = _facts(image, image.format or "Pillow", _depth_of_mode(image.mode))
        _check_size(facts.size_hw, limits)
        return _three_channels(_pixels(image, facts, alpha))
    except ImageError as error:
        raise ImageError(f"The Pillow image cannot be used: {error}") from error


def _as_picture_from_array(array: NDArray[Any], limits: ReadLimits) -> NDArray[Any]:
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    channels = native.shape[2] if native.ndim == 3 else 1
    if (
        native.dtype not in (np.uint8, np.uint16)
        or native.ndim not in (2, 3)
        or channels not in (1, 3)
    ):
        raise ImageError(
            "A picture must be an array H x W, H x W x 1 or H x W x 3 of uint8 or uint16; "
            f"got shape {array.shape} of {array.dtype}."
        )
    height, width = native.shape[:2]
    try:
        _check_size((height, width), limits)
    except ImageError as error:
        raise ImageError(f"The array cannot be used: it {error}") from error
    pixels = native if channels == 3 else native.reshape(height, width)
    return np.ascontiguousarray(_three_channels(pixels))


@contextmanager
def _opened(path: Path, limits: ReadLimits) -> Iterator[tuple[ImageFile.ImageFile, PictureFacts]]:
    """The file as an undecoded Pillow image within the limits; every failure names the path."""
    try:
        _check_file(path, limits)
        with path.open("rb") as stream:
            head = stream.read(32)
            stream.seek(0)
            image = _open(stream, head)
            facts = _facts(image, _kind(head), _depth_in_header(image, head))
            _check_size(facts.size_hw, limits)
            _check_single(image)
            with _trusting_our_limit(facts.size_hw):
                yield image, facts
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise ImageError(f"{path}: there is no such file.") from error
    except PermissionError as error:
        raise ImageError(f"{path}: reading it is not permitted.") from error
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise ImageError(f"{path}: cannot be decoded, it may be damaged ({reason}).") from error


def _check_file(path: Path, limits: ReadLimits) -> None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise ImageError("is a folder or a device, not a picture file.")
    if status.st_size == 0:
        raise ImageError("the file is empty.")
    if status.st_size > limits.max_bytes:
        raise ImageError(
            f"the file has {status.st_size} bytes; at most {limits.max_bytes} (max_bytes) are read."
        )


def _kind(head: bytes) -> str:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    kind = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    if kind is None:
        raise ImageError("is not a picture that can be read (PNG, JPEG, BMP, TIFF, WebP).")
    return kind


def _open(stream: Any, head: bytes) -> ImageFile.ImageFile:
    # Not Image.open: its own pixel limit warns or fails by a global variable before the size is
    # known here.
    from PIL import (
        BmpImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    factories: dict[str, Any] = {
        "PNG": PngImagePlugin.PngImageFile,
        "JPEG": JpegImagePlugin.jpeg_factory,
        "BMP": BmpImagePlugin.BmpImageFile,
        "TIFF": TiffImagePlugin.TiffImageFile,
        "WEBP": WebPImagePlugin.WebPImageFile,
    }
    image: ImageFile.ImageFile = factories[_kind(head)](stream)
    return image


@contextmanager
def _trusting_our_limit(size_hw: tuple[int, int]) -> Iterator[None]:
    """Lift Pillow's global pixel limit for the rare picture that ours allows and it does not."""
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is None or size_hw[0] * size_hw[1] <= Image.MAX_IMAGE_PIXELS:
        yield
        return
    with _pillow_limit:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _facts(image: Image.Image, kind: str, bits: int) -> PictureFacts:
    """What the header says, once it is sure that nothing would be lost."""
    mode = image.mode
    if mode not in _COLOUR_MODES | _GREY_MODES | _GREY_16_MODES or bits > 16:
        raise ImageError(
            f"its pixels are of a kind that is not read ({mode}, {bits} bits); save it as 8-bit "
            "grey or RGB, or as 16-bit grey."
        )
    if bits > 8 and mode not in _GREY_16_MODES:
        raise ImageError(
            "is 16-bit colour, of which half would be lost; save it as 8-bit RGB or as 16-bit grey."
        )
    has_alpha = mode in _ALPHA_MODES or image.has_transparency_data
    if bits > 8 and has_alpha:
        raise ImageError("is 16-bit grey with transparency; save it without an alpha channel.")
    width, height = _stored_size(image)
    turned = _orientation(image) >= 5
    return PictureFacts(
        size_hw=(width, height) if turned else (height, width),
        bit_depth=16 if bits > 8 else 8,
        channels="rgb" if mode in _COLOUR_MODES else "grey",
        has_alpha=has_alpha,
        format=kind,
    )


def _depth_of_mode(mode: str) -> int:
    if mode in ("I", "F"):
        return 32
    return 16 if mode in _GREY_16_MODES else 8


def _depth_in_header(image: Image.Image, head: bytes) -> int:
    """Bits of a channel; Pillow's mode does not tell, it cuts 16-bit colour down to 8."""
    if _kind(head) == "PNG":
        return head[24]
    tags = getattr(image, "tag_v2", None)
    if _kind(head) != "TIFF" or tags is None:
        return _depth_of_mode(image.mode)
    bits = max(tags.get(258, (1,)))
    if not set(tags.get(339, (1,))) <= {1, 4}:  # SampleFormat: 1 unsigned, 4 not said
        raise ImageError("its pixels are signed or floating-point numbers; save it as 16-bit grey.")
    if bits > 8 and tags.get(262) == 0:  # Pillow does not turn 16-bit WhiteIsZero around
        raise ImageError("is 16-bit grey with white as zero; save it with black as zero.")
    return int(bits)


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Width and height as stored; recent Pillow says for a TIFF what it will be once upright."""
    tags = getattr(image, "tag_v2", None)
    if tags is not None and getattr(image, "tile", None) and 256 in tags and 257 in tags:
        return int(tags[256]), int(tags[257])
    return image.size


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8, of what the pixels still need; never decodes."""
    undecoded_png = image.format == "PNG" and bool(getattr(image, "tile", None))
    if undecoded_png and "exif" not in image.info:
        return 1  # asking Pillow would decode the picture to look behind the pixels
    orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    return orientation if orientation in range(1, 9) else 1


def _check_size(size_hw: tuple[int, int], limits: ReadLimits) -> None:
    if min(size_hw) < limits.min_side_px:
        raise ImageError(
            f"is {_spell_size(size_hw)}; each side must have at least {limits.min_side_px} pixels "
            "(min_side_px)."
        )
    if size_hw[0] * size_hw[1] > limits.max_pixels:
        raise ImageError(
            f"is {_spell_size(size_hw)}; at most {limits.max_pixels} pixels (max_pixels) are read."
        )


def _check_single(image: Image.Image) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # the further frames of an MPO are previews
        raise ImageError(f"holds {frames} pictures; save the one to look at as a file of its own.")


def _pixels(image: Image.Image, facts: PictureFacts, alpha: Alpha) -> NDArray[Any]:
    """The decoded pixels, upright: H x W (grey) or H x W x 3."""
    image.load()
    orientation = _orientation(image)  # asked now: Pillow may have turned the picture itself
    if facts.bit_depth == 16:
        pixels = np.asarray(image).astype(np.uint16)
    else:
        pixels = np.asarray(_eight_bit(image, facts, alpha))
    return np.ascontiguousarray(_upright(pixels, orientation))


def _eight_bit(image: Image.Image, facts: PictureFacts, alpha: Alpha) -> Image.Image:
    from PIL import Image

    wanted = "L" if facts.channels == "grey" else "RGB"
    if not facts.has_alpha:
        return image if image.mode == wanted else image.convert(wanted)
    image = image.convert("RGBA")
    lowest, _ = image.getchannel("A").getextrema()
    if lowest == 255:
        return image.convert(wanted)
    if alpha == "refuse":
        raise ImageError(
            "has transparent pixels, and what they hide is unclear; save it without alpha, or fit "
            "with --alpha flatten (alpha='flatten'), which puts all pictures onto black."
        )
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, image).convert(wanted)


def _upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and mirror as EXIF orientation 1 to 8 says (Exif 2.32, tag 0x0112)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _three_channels(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, np.newaxis], 3, axis=2)


def _above_half(values: NDArray[Any], path: Path) -> NDArray[np.bool_]:
    half = np.iinfo(values.dtype).max // 2
    mask: NDArray[np.bool_] = values > half
    if not mask.any() and values.any():
        raise ImageError(
            f"{path}: no value of the mask is above {half}, the highest is {values.max()}; defects "
            f"must be brighter than half of the range: save them as {2 * half + 1}."
        )
    return mask


def _spell_size(size_hw: tuple[int, int]) -> str:
    """A size as a reader expects it, width first."""
    return f"{size_hw[1]} x {size_hw[0]} pixels (width x height)"
