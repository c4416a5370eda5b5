"""What an image file says of itself before anything is decoded, and what an image may cost.

Sizes are checked against `ReadLimits` from the header. What cannot be read without loss (floats,
CMYK, several images in one) is refused here. Whatever is wrong with a file is an `ImageError` that
names the file.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Literal, TypeGuard

from blemish.errors import ImageError
from blemish.images.decoders import Found, find_decoder
from blemish.images.jpeg import count_scans
from blemish.images.kinds import UnknownKindError, not_read
from blemish.images.orientation import orientation_of, upright_size
from blemish.images.pillow import trusting_our_limit
from blemish.images.quiet import hush
from blemish.images.raw import RawFormat
from blemish.images.stored import Stored
from blemish.images.suffixes import RAW_SUFFIXES, has_image_suffix
from blemish.images.tiff_pages import images_in
from blemish.settings import Settings, setting

if TYPE_CHECKING:
    from PIL import Image

_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "YCbCr"})
_GREY_MODES = frozenset({"1", "L", "LA", "La"})
_GREY_16_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
WHEN_QUIET = "run again when nothing writes there."

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
        format: PNG, JPEG, BMP, TIFF, WEBP, PNM, JPEG 2000, AVIF, HEIF, JPEG XL or RAW.
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
        raw: how the pixels lie in files without a header. Where it is given, files whose suffix is
            no image's are such files.
    """

    limits: ReadLimits = DEFAULT_LIMITS
    alpha: Alpha = "refuse"
    raw: RawFormat | None = None


READER = Reader()


@dataclass(frozen=True)
class FileContent:
    """The bytes of an image file, and what to call it in errors.

    `page` says which of several images in it, counted from 0.
    """

    content: bytes
    name: str = "the image"
    page: int | None = None


@dataclass(frozen=True)
class FilePage:
    """One of several images in a file, a TIFF of several pages.

    Thumbnails and masks of a TIFF do not count. It is told as `a.tif#1`, which counts from 1.

    Attributes:
        path: of the file.
        page: counted from 0; `None` where the file holds a single image.
    """

    path: Path
    page: int | None = None

    def __str__(self) -> str:
        return paged(str(self.path), self.page)


@dataclass(frozen=True)
class Undecoded:
    """An image file of which only the header was looked at, and what gives its pixels."""

    facts: ImageFacts
    source: Image.Image | Stored


Readable = str | Path | bytes | FileContent | FilePage | BinaryIO


def paged(name: str, page: int | None) -> str:
    """What an image of a file goes by: `a.tif#2` the second of several, `a.tif` a single one."""
    return name if page is None else f"{name}#{page + 1}"


def images_of(path: str | Path) -> list[Path | FilePage]:
    """Each image of a file, as `read_image` and `Model.predict` take it: of a TIFF its pages.

    What cannot be read counts as one, and whoever reads it is told why.
    """
    file = Path(path)
    count = images_in(file)
    return [file] if count == 1 else [FilePage(file, page) for page in range(count)]


def is_file_object(value: object) -> TypeGuard[BinaryIO]:
    """Whether bytes can be read from it."""
    return hasattr(value, "read") and hasattr(value, "readable")


def in_memory(source: Readable, limits: ReadLimits) -> Path | FilePage | FileContent:
    """A path, or what is to be decoded in its place; a file object is read, as far as allowed.

    Raises:
        ImageError: it cannot be read, or gives no bytes.
    """
    if isinstance(source, (str, Path)):
        return Path(source)
    if isinstance(source, (FileContent, FilePage)):
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
    with opened(file, reader) as found:
        size = len(file.content) if isinstance(file, FileContent) else path_of(file).stat().st_size
        return replace(found.facts, file_bytes=size)


@contextmanager
def opened(source: Readable, reader: Reader = READER) -> Iterator[Undecoded]:
    """The file with its header looked at, within the limits; every failure names it."""
    file = in_memory(source, reader.limits)
    with streamed(file, reader.limits) as stream:
        if reader.raw is not None and _is_raw(file, reader.raw):
            found = Found("RAW", reader.raw.bits, reader.raw.look(stream))
        else:
            found = _look(stream, file)
        facts = _facts_of(found)
        check_size(facts.size_hw, reader.limits)
        with trusting_our_limit(facts.size_hw):
            yield Undecoded(facts, found.source)


@contextmanager
def streamed(source: Readable, limits: ReadLimits) -> Iterator[IO[bytes]]:
    """The bytes of a file, no more of them than allowed; every failure names it."""
    file = in_memory(source, limits)
    hush()
    with naming(name_of(file)):
        if isinstance(file, FileContent):
            check_bytes(len(file.content), limits)
            yield BytesIO(file.content)
            return
        check_file(path_of(file), limits)
        with path_of(file).open("rb") as stream:
            yield stream


def _look(stream: IO[bytes], file: Path | FilePage | FileContent) -> Found:
    try:
        return find_decoder(stream, None if isinstance(file, Path) else file.page)
    except UnknownKindError as error:
        if Path(name_of(file)).suffix.lower() not in RAW_SUFFIXES:
            raise
        raise ImageError(
            "is a raw file, which says nothing of its pixels; say how they lie, as in "
            "raw='2448x2048:mono12packed'."
        ) from error


def _is_raw(file: Path | FilePage | FileContent, raw: RawFormat) -> bool:
    """Whether a file has no header: by its name, or, where it has none, by its size."""
    if isinstance(file, FileContent) and file.name == FileContent.name:
        return len(file.content) == raw.file_bytes
    path = Path(file.name) if isinstance(file, FileContent) else path_of(file)
    return path.suffix.lower() in RAW_SUFFIXES or not has_image_suffix(path)


def read_content(path: Path, limits: ReadLimits) -> bytes:
    """The bytes of an image file within the limits. Raises `ImageError`."""
    with naming(str(path)):
        size_bytes = check_file(path, limits)
        with path.open("rb") as stream:
            content = stream.read(size_bytes + 1)
        if len(content) != size_bytes:
            raise ImageError(f"was changed while it was being read; {WHEN_QUIET}")
    return content


def name_of(file: Path | FilePage | FileContent) -> str:
    """What to call a file in errors."""
    return paged(file.name, file.page) if isinstance(file, FileContent) else str(file)


def path_of(file: Path | FilePage) -> Path:
    """The file itself."""
    return file.path if isinstance(file, FilePage) else file


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


def _facts_of(found: Found) -> ImageFacts:
    """What the header says."""
    source = found.source
    if not isinstance(source, Stored):
        return facts_of(source, found.format, found.bits)
    return ImageFacts(
        size_hw=source.size_hw[::-1] if source.orientation >= 5 else source.size_hw,
        bit_depth=16 if source.bits > 8 else 8,
        channels="rgb" if source.bands > 2 else "grey",
        has_alpha=source.has_alpha,
        format=found.format,
        orientation=source.orientation,
    )


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


def check_scans(file: Undecoded, limits: ReadLimits) -> None:
    """Raise `ImageError` where decoding would take much longer than an image's size tells."""
    facts, stream = file.facts, getattr(file.source, "fp", None)
    if facts.format != "JPEG" or stream is None:
        return
    pixels = facts.size_hw[0] * facts.size_hw[1]
    allowed = max(1, limits.max_scanned_pixels // pixels)
    scans = count_scans(stream, at_most=allowed)
    if scans > allowed:
        raise ImageError(
            f"is a JPEG of {scans:,} scans; of {spell_size(facts.size_hw)} at most {allowed:,} are "
            "decoded (max_scanned_pixels). Save it anew."
        )


def spell_size(size_hw: tuple[int, int]) -> str:
    """A size as a reader expects it, width first."""
    return f"{size_hw[1]} x {size_hw[0]} pixels (width x height)"
