"""Which files are images by their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import PurePath

RAW_SUFFIXES = frozenset({".raw", ".bin"})
_raw_counts: ContextVar[bool] = ContextVar("raw_counts", default=False)


class _Suffixes(frozenset[str]):
    """Suffixes of images, in lower case; those of raw files only while these count.

    Whoever lists files asks here alone, so that none needs to be told how images are read.
    """

    def __contains__(self, suffix: object) -> bool:
        return super().__contains__(suffix) or (_raw_counts.get() and suffix in RAW_SUFFIXES)


IMAGE_SUFFIXES = _Suffixes(
    {".png", ".bmp", ".dib", ".tif", ".tiff", ".webp"}
    | {".jpg", ".jpeg", ".jpe", ".jfif"}
    | {".pgm", ".ppm", ".pnm", ".pbm"}
    | {".jp2", ".j2k", ".j2c", ".jpx", ".avif", ".heic", ".heif", ".jxl"}
)


def has_image_suffix(path: PurePath) -> bool:
    """Whether a file is an image by its name."""
    return path.suffix.lower() in IMAGE_SUFFIXES


@contextmanager
def raw_counting(counts: bool) -> Iterator[None]:
    """Let raw files count as images among those that are listed meanwhile, or not."""
    before = _raw_counts.set(counts)
    try:
        yield
    finally:
        _raw_counts.reset(before)
