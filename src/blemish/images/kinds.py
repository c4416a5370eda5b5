"""Kinds of image files, told by their first bytes, and one sentence for those that are not read."""

from __future__ import annotations

import re

from blemish.errors import ImageError

NOT_READ = "of a kind that is not read"
HEAD_BYTES = 64  # enough to tell any kind
FORMATS = "PNG, JPEG, BMP, TIFF, WebP, PGM, PPM, PBM, JPEG 2000, AVIF, HEIF, JPEG XL"

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
)
_UNREAD = (
    (b"GIF8", "GIF"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"PF", "PFM, floating-point numbers"),
    (b"Pf", "PFM, floating-point numbers"),
    (b"P7\n", "PAM"),
    (b"8BPS", "Photoshop"),
    (b"v/1\x01", "OpenEXR"),
    (b"II\xbc", "JPEG XR"),
    (b"SIMPLE  =", "FITS"),
    (b"\x28\0\0\0", "a bitmap without the header of a BMP file"),
)
_NETPBM = re.compile(rb"P[1-6][\s#]")
_AVIF, _HEIF = frozenset({b"avif", b"avis"}), frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
)  # fmt: skip


class UnknownKindError(ImageError):
    """A file that nothing marks as an image."""


def kind_of(head: bytes) -> str:
    """The format of a file by its first `HEAD_BYTES`.

    Raises:
        UnknownKindError: nobody knows it.
        ImageError: it is a kind that is not read.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] in (b"II", b"MM") and head[8:10] == b"CR":
        raise not_read("a Canon raw file, CR2")  # a TIFF whose first page is a preview
    if _NETPBM.match(head):
        return "PNM"
    brands = _brands(head)
    kind = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    if kind or brands & _AVIF:
        return kind or "AVIF"
    if brands & _HEIF:
        return "HEIF"
    if unread := next((name for magic, name in _UNREAD if head.startswith(magic)), None):
        raise not_read(unread)
    raise UnknownKindError(f"is not an image that can be read ({FORMATS}).")


def _brands(head: bytes) -> frozenset[bytes]:
    """What a file of ISO's base media format says it is; nothing where it is none."""
    if head[4:8] != b"ftyp":
        return frozenset()
    listed = head[8 : int.from_bytes(head[:4], "big")]
    return frozenset(listed[n : n + 4] for n in range(0, len(listed), 4) if n != 4)


def not_read(kind: str) -> ImageError:
    """The error for an image whose pixels are of that kind: the file is sound, and unsupported."""
    return ImageError(
        f"its pixels are {NOT_READ} ({kind}); save it as 8-bit grey or RGB, or as 16-bit grey."
    )


def missing(kind: str, extra: str) -> ImageError:
    """The error for an image of a kind that packages read which are not installed."""
    return ImageError(
        f"is {kind}, for which a package is missing: pip install 'blemish[{extra}]', or save it as "
        "8-bit grey or RGB, or as 16-bit grey."
    )
