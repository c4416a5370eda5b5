"""Files as Pillow opens them, none decoded: each by the class for its kind.

Not by `Image.open`: its own limit of pixels warns or fails by a global variable before the size is
known here, and it tries plug-ins that nobody asked for.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from blemish.errors import ImageError
from blemish.images import tiff
from blemish.images.kinds import missing, not_read
from blemish.images.tiff_pages import Page, Tags

if TYPE_CHECKING:
    from PIL import Image, ImageFile

_AVIF_BITS = ((0x20, 12), (0x40, 10))  # flags of its settings
_limit = threading.Lock()


def open_pillow(stream: IO[bytes], kind: str) -> ImageFile.ImageFile:
    """A file of any kind but TIFF, which must hold a single image.

    Raises:
        ImageError: it holds several, or Pillow does not know it, or cannot without a plug-in.
    """
    image = _open(stream, kind)
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and not (image.format == "MPO" and _are_previews(image, frames)):
        raise ImageError(f"holds {frames} images; save the one to look at as a file of its own.")
    if frames > 1:  # seeking has changed it
        stream.seek(0)
        return _open(stream, kind)
    return image


def open_tiff(stream: IO[bytes], page: Page, tags: Tags) -> ImageFile.ImageFile:
    """A page of a TIFF. Raises `ImageError` where Pillow does not know it."""
    from PIL import TiffImagePlugin

    try:
        image = TiffImagePlugin.TiffImageFile(stream)
        if page.number:
            image.seek(page.number)
    except SyntaxError as error:
        raise not_read(tiff.spell(tags)) from error
    return image


def _open(stream: Any, kind: str) -> ImageFile.ImageFile:
    from PIL import Jpeg2KImagePlugin, PngImagePlugin, WebPImagePlugin

    from blemish.images.bmp import BmpFile

    factories: dict[str, Any] = {
        "PNG": PngImagePlugin.PngImageFile,
        "JPEG": _open_jpeg,
        "BMP": BmpFile,
        "WEBP": WebPImagePlugin.WebPImageFile,
        "JPEG 2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
        "AVIF": _open_avif,
        "HEIF": _open_heif,
    }
    image: ImageFile.ImageFile = factories[kind](stream)
    return image


def _open_jpeg(stream: Any) -> ImageFile.ImageFile:
    from PIL import JpegImagePlugin

    try:
        return JpegImagePlugin.jpeg_factory(stream)
    except SyntaxError as error:
        if not str(error).startswith("cannot handle"):
            raise
        raise not_read(f"a JPEG, {error}") from error


def _open_avif(stream: Any) -> ImageFile.ImageFile:
    try:
        from PIL import AvifImagePlugin
    except ImportError:  # before Pillow 11.3
        supported = False
    else:
        supported = AvifImagePlugin.SUPPORTED
    if not supported:
        raise ImageError(
            "is AVIF, which this Pillow does not read: pip install 'pillow>=11.3', or save it as "
            "PNG."
        )
    return AvifImagePlugin.AvifImageFile(stream)


def _open_heif(stream: Any) -> ImageFile.ImageFile:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise missing("HEIF (HEIC)", "heif") from error

    image: ImageFile.ImageFile = HeifImageFile(stream)
    return image


def _are_previews(image: Any, frames: int) -> bool:
    """Whether the further images of an MPO are smaller; those of a stereo camera are not."""
    size = image.size
    try:
        for frame in range(1, frames):
            image.seek(frame)
            if image.size == size:
                return False
    except (OSError, SyntaxError, ValueError):
        return True  # none that could be read
    return True


def avif_bits(stream: IO[bytes]) -> int:
    """Bits of a channel of an AVIF file; Pillow gives 8 in any case.

    Reference: AV1 Codec ISO Media File Format Binding, AV1CodecConfigurationBox.
    """
    stream.seek(0)
    data = stream.read()
    stream.seek(0)
    start = data.find(b"meta")
    box = data[start : start - 4 + int.from_bytes(data[start - 4 : start], "big")]
    settings = [box[at.end() + 2] for at in re.finditer(b"av1C", box[:-3])]
    return max([8, *(bits for flags in settings for flag, bits in _AVIF_BITS if flags & flag)])


def depth_of_mode(mode: str) -> int:
    """Bits of a channel as far as Pillow's mode tells."""
    if mode in ("I", "F"):
        return 32
    return 16 if mode.startswith("I;16") else 8


def scale_transparent_grey(image: Image.Image, *, bits: int) -> None:
    """Pillow scales greys of less than 8 bits, but not the one that a PNG says is transparent."""
    grey = image.info.get("transparency")
    if image.mode in ("1", "L") and bits < 8 and isinstance(grey, int) and grey < 2**bits:
        image.info["transparency"] = grey * 255 // (2**bits - 1)


@contextmanager
def trusting_our_limit(size_hw: tuple[int, int]) -> Iterator[None]:
    """Lift Pillow's global pixel limit for the rare image that ours allows and it does not."""
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is None or size_hw[0] * size_hw[1] <= Image.MAX_IMAGE_PIXELS:
        yield
        return
    with _limit:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
