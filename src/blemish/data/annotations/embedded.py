"""Masks as PNG files within JSON, in base64."""

from __future__ import annotations

import base64
import binascii
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

WITH_ALPHA = ("LA", "RGBA")
WITHOUT = ("1", "L")


def mask_in(text: str) -> NDArray[np.bool_]:
    """The mask that a text holds, H x W: what is not transparent, or without alpha not zero.

    Args:
        text: base64, also as a `data:` URL.

    Raises:
        ValueError: it is none, or of too many pixels.
    """
    from PIL import Image

    try:
        content = base64.b64decode(text.rpartition(",")[2], validate=True)
        with Image.open(BytesIO(content), formats=["PNG"]) as image:
            if image.mode in WITH_ALPHA:
                return np.asarray(image.getchannel("A")).astype(np.bool_)
            if image.mode in WITHOUT:
                return np.asarray(image).astype(np.bool_)
    except (OSError, SyntaxError, binascii.Error, Image.DecompressionBombError) as error:
        raise ValueError("has a mask that is no PNG in base64.") from error
    raise ValueError(f"has a mask of mode {image.mode}; it must be grey, or with alpha.")


def as_png(mask: NDArray[np.bool_]) -> bytes:
    """A mask, H x W, as a PNG of 0 and 255."""
    from PIL import Image

    stream = BytesIO()
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(stream, "PNG")
    return stream.getvalue()


def as_text(mask: NDArray[np.bool_]) -> str:
    """A mask, H x W, as `mask_in` reads it."""
    return base64.b64encode(as_png(mask)).decode()
