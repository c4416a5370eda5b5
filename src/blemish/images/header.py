"""What an image file says of itself before anything is decoded, and what an image may cost.

Sizes are checked against `ReadLimits` from the header. What cannot be read without loss (16-bit
colour, floats, several pages) is refused here. Whatever is wrong with a file is an `ImageError`
that names the file.
"""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeGuard

from blemish.errors import ImageError
from blemish.images.jpeg import count_scans
from blemish.images.kinds import not_read
from blemish.images.orientation import orientation_of, upright_size
from blemish.images.quiet import hush
from blemish.images.tiff import check_strips, count_pages, open_tiff, unusable
from blemish.settings import Settings, setting

if TYPE_CHECKING:
    from PIL import Image, ImageFile

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
WHEN_QUIET = "run again when nothing writes there."
_pillow_limit = threading.Lock()

Alpha = Literal["refuse", "flatten", "drop"]


@dataclass(frozen=True)
class ReadLimits(Settings):
    """What an image file may cost at most: a guard against decompression bombs and stray files."""

    max_pixels: int = setting(100_000_000, "Most pixels an image may have.", at_least=1)
    max_bytes: int = setting(1 << 30, "Largest file that is opened, in bytes.", at_least=1)
    min_side_px: int = setting(8, "Shortest side an image may have.", at_least=1)
    max_scanned_pixels: int = setting(
        4_000_000_000, "Most pixels that the scans of a JPEG may go over together.", at_least=1
    )


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image's header says.

    Attributes:
        size_hw: height and width in pixels, once upright.
        bit_depth: 8 or 16.
        channels: `grey` or `rgb`.
        has_alpha: there is an alpha channel or a transparent colour; it may still hide nothing.
        format: PNG, JPEG, BMP, TIFF or WEBP.
        file_bytes: size of the file; 0 where there is none.
        orientation: EXIF orientation of the pixels as stored, 1 to 8; 1 where they are upright.
    """

    size_hw: tuple[int, int]
    bit_depth: int
    channels: Literal["grey", "rgb"]
    has_alpha: bool
    format: str
    file_bytes: int = 0
    orientation: int = 1


DEFAULT_LIMITS = ReadLimits()


@dataclass(frozen=True)
class Reader:
    """How images are read.

    Attributes:
        limits: what one may cost; checked before anything is decoded.
        alpha: what to do with transparency that hides something: `refuse` the image, `flatten`
            it onto black, or `drop` the alpha and take the colours as they are. Fully opaque alpha
            is dropped in any case.
    """

    limits: ReadLimits = DEFAULT_LIMITS
    alpha: Alpha = "refuse"


READER = Reader()


@dataclass(frozen=True)
class FileContent:
    """The bytes of an image file, and what to call it in errors."""

    content: bytes
    name: str = "the image"


Readable = str | Path | bytes | FileContent | BinaryIO


def is_file_object(value: object) -> TypeGuard[BinaryIO]:
    """Whether bytes can be read from it."""
    return hasattr(value, "read") and hasattr(value, "readable")


def in_memory(source: Readable, limits: ReadLimits) -> Path | FileContent:
    """A path, or what is to be decoded in its place; a file object is read, as far as allowed.

    Raises:
        ImageError: it cannot be read, or gives no bytes.
    """
    if isinstance(source, (str, Path)):
        return Path(source)
    if isinstance(source, FileContent):
        return source
    if isinstance(source, bytes):
        return FileContent(source)
    stated = getattr(source, "name", None)
    name = stated if isinstance(stated, str) else FileContent.name
    try:
        content = source.read(limits.max_bytes + 1)
    except (OSError, ValueError) as error:  # it is closed, say, or open to be written
        raise ImageError(f"{name}: cannot be read ({error}).") from error
    if not isinstance(content, bytes):
        raise ImageError(f"{name}: gives text; open it as bytes ('rb').")
    return FileContent(content, name)


def probe_image(source: Readable, reader: Reader = READER) -> ImageFacts:
    """What the header of an image says, without decoding it.

    Raises:
        ImageError: `read_image` would refuse the file for what its header says.
    """
    file = in_memory(source, reader.limits)
    with opened(file, reader.limits) as (_, facts):
        size = file.stat().st_size if isinstance(file, Path) else len(file.content)
        return replace(facts, file_bytes=size)


@contextmanager
def opened(
    source: Readable, limits: ReadLimits
) -> Iterator[tuple[ImageFile.ImageFile, ImageFacts]]:
    """The file as an undecoded Pillow image within the limits; every failure names it."""
    with undecoded(source, limits) as (image, head):
        facts = checked_facts(image, head, limits)
        with trusting_our_limit(facts.size_hw):
            yield image, facts


@contextmanager
def undecoded(source: Readable, limits: ReadLimits) -> Iterator[tuple[ImageFile.ImageFile, bytes]]:
    """The file as a Pillow image of one page, and its first bytes; every failure names it.

    Its size and the kind of its pixels are still to be looked at.
    """
    file = in_memory(source, limits)
    with naming(name_of(file)):
        if isinstance(file, Path):
            check_file(file, limits)
        else:
            check_bytes(len(file.content), limits)
        with file.open("rb") if isinstance(file, Path) else BytesIO(file.content) as stream:
            head = stream.read(32)
            stream.seek(0)
            hush()
            image = _open(stream, head)
            _check_single(image, stream)
            yield image, head


def checked_facts(image: ImageFile.ImageFile, head: bytes, limits: ReadLimits) -> ImageFacts:
    """What the header says, once it is sure that the image can be read within the limits.

    Args:
        image: undecoded.
        head: the first bytes of its file.
        limits: what it may cost.
    """
    facts = facts_of(image, _kind(head), _depth_in_header(image, head))
    check_size(facts.size_hw, limits)
    if facts.format == "TIFF":
        check_strips(_tags(image))
    if facts.format == "PNG":
        _scale_transparent_grey(image, bits=head[24])
    return facts


def read_content(path: Path, limits: ReadLimits) -> bytes:
    """The bytes of an image file within the limits. Raises `ImageError`."""
    with naming(str(path)):
        size_bytes = check_file(path, limits)
        with path.open("rb") as stream:
            content = stream.read(size_bytes + 1)
        if len(content) != size_bytes:
            raise ImageError(f"was changed while it was being read; {WHEN_QUIET}")
    return content


def name_of(file: Path | FileContent) -> str:
    """What to call a file in errors."""
    return str(file) if isinstance(file, Path) else file.name


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Turn whatever is wrong with a file into an `ImageError` that names it."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error
    except FileNotFoundError as error:
        raise ImageError(f"{name}: there is no such file.") from error
    except PermissionError as error:
        raise ImageError(f"{name}: reading it is not permitted.") from error
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise ImageError(f"{name}: cannot be decoded, it may be damaged ({reason}).") from error


def check_file(path: Path, limits: ReadLimits) -> int:
    """Size of the file in bytes. Raises `ImageError` where it is no file, empty, or too large."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise ImageError("is a folder or a device, not an image file.")
    check_bytes(status.st_size, limits)
    return status.st_size


def check_bytes(size_bytes: int, limits: ReadLimits) -> None:
    """Raise `ImageError` where a file is empty or too large."""
    if size_bytes == 0:
        raise ImageError("the file is empty.")
    if size_bytes > limits.max_bytes:
        raise ImageError(
            f"the file has {size_bytes} bytes; at most {limits.max_bytes} (max_bytes) are read."
        )


def _kind(head: bytes) -> str:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    kind = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    if kind is None:
        raise ImageError("is not an image that can be read (PNG, JPEG, BMP, TIFF, WebP).")
    return kind


def _open(stream: Any, head: bytes) -> ImageFile.ImageFile:
    # Not Image.open: its own pixel limit warns or fails by a global variable before the size is
    # known here.
    from PIL import PngImagePlugin, WebPImagePlugin

    from blemish.images.bmp import BmpFile

    factories: dict[str, Any] = {
        "PNG": PngImagePlugin.PngImageFile,
        "JPEG": _open_jpeg,
        "BMP": BmpFile,
        "TIFF": partial(open_tiff, head=head),
        "WEBP": WebPImagePlugin.WebPImageFile,
    }
    image: ImageFile.ImageFile = factories[_kind(head)](stream)
    return image


def _open_jpeg(stream: Any) -> ImageFile.ImageFile:
    from PIL import JpegImagePlugin

    try:
        return JpegImagePlugin.jpeg_factory(stream)
    except SyntaxError as error:
        if not str(error).startswith("cannot handle"):
            raise
        raise not_read(f"a JPEG, {error}") from error


@contextmanager
def trusting_our_limit(size_hw: tuple[int, int]) -> Iterator[None]:
    """Lift Pillow's global pixel limit for the rare image that ours allows and it does not."""
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


def facts_of(image: Image.Image, kind: str, bits: int) -> ImageFacts:
    """What the header says, once it is sure that nothing would be lost."""
    mode = image.mode
    if mode not in _COLOUR_MODES | _GREY_MODES | _GREY_16_MODES or bits > 16:
        raise not_read(f"{mode}, {bits} bits")
    if bits > 8 and mode not in _GREY_16_MODES:
        raise ImageError(
            "is 16-bit colour, of which half would be lost; save it as 8-bit RGB or as 16-bit grey."
        )
    has_alpha = mode in _ALPHA_MODES or image.has_transparency_data
    if bits > 8 and has_alpha:
        raise ImageError("is 16-bit grey with transparency; save it without an alpha channel.")
    return ImageFacts(
        size_hw=upright_size(image),
        bit_depth=16 if bits > 8 else 8,
        channels="rgb" if mode in _COLOUR_MODES else "grey",
        has_alpha=has_alpha,
        format=kind,
        orientation=orientation_of(image),
    )


def depth_of_mode(mode: str) -> int:
    """Bits of a channel as far as Pillow's mode tells."""
    if mode in ("I", "F"):
        return 32
    return 16 if mode in _GREY_16_MODES else 8


def _depth_in_header(image: Image.Image, head: bytes) -> int:
    """Bits of a channel; Pillow's mode does not tell, it cuts 16-bit colour down to 8."""
    if _kind(head) == "PNG":
        return head[24]
    if _kind(head) != "TIFF":
        return depth_of_mode(image.mode)
    tags = _tags(image)
    if reason := unusable(tags):
        raise not_read(reason)
    bits = max(tags.get(258, (1,)))
    if bits > 8 and tags.get(262) == 0:  # Pillow does not turn 16-bit WhiteIsZero around
        raise ImageError("is 16-bit grey with white as zero; save it with black as zero.")
    return int(bits)


def _scale_transparent_grey(image: Image.Image, *, bits: int) -> None:
    """Pillow scales greys of less than 8 bits, but not the one that a PNG says is transparent."""
    grey = image.info.get("transparency")
    if image.mode in ("1", "L") and bits < 8 and isinstance(grey, int) and grey < 2**bits:
        image.info["transparency"] = grey * 255 // (2**bits - 1)


def _tags(image: Any) -> Any:
    """The tags of a TIFF."""
    return image.tag_v2


def check_size(size_hw: tuple[int, int], limits: ReadLimits) -> None:
    """Raise `ImageError` where a size is beyond the limits."""
    if min(size_hw) < limits.min_side_px:
        raise ImageError(
            f"is {spell_size(size_hw)}; each side must have at least {limits.min_side_px} pixels "
            "(min_side_px)."
        )
    if size_hw[0] * size_hw[1] > limits.max_pixels:
        raise ImageError(
            f"is {spell_size(size_hw)}; at most {limits.max_pixels} pixels (max_pixels) are read."
        )


def check_scans(image: ImageFile.ImageFile, facts: ImageFacts, limits: ReadLimits) -> None:
    """Raise `ImageError` where decoding would take much longer than an image's size tells."""
    if facts.format != "JPEG" or image.fp is None:
        return
    pixels = facts.size_hw[0] * facts.size_hw[1]
    allowed = max(1, limits.max_scanned_pixels // pixels)
    scans = count_scans(image.fp, at_most=allowed)
    if scans > allowed:
        raise ImageError(
            f"is a JPEG of {scans:,} scans; of {spell_size(facts.size_hw)} at most {allowed:,} are "
            "decoded (max_scanned_pixels). Save it anew."
        )


def _check_single(image: Image.Image, stream: Any) -> None:
    frames = count_pages(stream) if image.format == "TIFF" else getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # the further frames of an MPO are previews
        raise ImageError(f"holds {frames} images; save the one to look at as a file of its own.")


def spell_size(size_hw: tuple[int, int]) -> str:
    """A size as a reader expects it, width first."""
    return f"{size_hw[1]} x {size_hw[0]} pixels (width x height)"
