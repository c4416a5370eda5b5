"""Files that are whole but hold pixels of a kind that is not read: one sentence for all of them."""

from __future__ import annotations

from blemish.errors import ImageError

NOT_READ = "of a kind that is not read"


def not_read(kind: str) -> ImageError:
    """The error for an image whose pixels are of that kind: the file is sound, and unsupported."""
    return ImageError(
        f"its pixels are {NOT_READ} ({kind}); save it as 8-bit grey or RGB, or as 16-bit grey."
    )
