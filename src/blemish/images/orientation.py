"""Which way up an image is, as its EXIF orientation says (Exif 2.32, tag 0x0112)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

_TAG = 0x0112


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8, of what the pixels still need; never decodes."""
    undecoded_png = image.format == "PNG" and bool(getattr(image, "tile", None))
    if undecoded_png and "exif" not in image.info:
        return 1  # asking Pillow would decode the image to look behind the pixels
    orientation = image.getexif().get(_TAG, 1)
    return orientation if orientation in range(1, 9) else 1


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Height and width once upright."""
    width, height = stored_size(image)
    return (width, height) if orientation_of(image) >= 5 else (height, width)


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and mirror pixels, H x W or H x W x C, as an orientation of 1 to 8 says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def stored_size(image: Image.Image) -> tuple[int, int]:
    """Width and height as stored; recent Pillow says for a TIFF what it will be once upright."""
    tags = getattr(image, "tag_v2", None)
    if tags is not None and getattr(image, "tile", None) and 256 in tags and 257 in tags:
        return int(tags[256]), int(tags[257])
    return image.size
