"""What Pillow cuts to 8 bits or does not know, decoded in full by the package imagecodecs.

It is a package of the extra `formats`: whoever needs one of these files is told. Its decoder of
TIFF is libtiff, which takes a strip that is missing or cut off for an error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from blemish.images.kinds import missing
from blemish.images.png import check_chunks

EXTRA, PACKAGE = "formats", "imagecodecs"

Codec = Literal["png", "tiff", "jpeg2k", "avif", "jpegxl"]


def decoder(codec: Codec, stream: IO[bytes], what: str) -> Callable[[], NDArray[Any]]:
    """What decodes a file once it is called.

    Args:
        codec: what its name is in imagecodecs.
        stream: the file, to stay open until then.
        what: the kind of image, for errors.

    Raises:
        ImageError: the package is not installed.
    """
    _check_installed(what)
    return partial(_decode, codec, stream)


def tiff_decoder(
    stream: IO[bytes], number: int, what: str, *, planes: bool
) -> Callable[[], NDArray[Any]]:
    """The same of one directory of a TIFF, with planes that lie one after the other or not."""
    _check_installed(what)

    def decode() -> NDArray[Any]:
        values = _decode("tiff", stream, index=number)
        return np.moveaxis(values, 0, -1) if planes else values

    return decode


def _check_installed(what: str) -> None:
    try:
        found = find_spec(PACKAGE)
    except ValueError:  # it was put out of reach
        found = None
    if found is None:
        raise missing(what, EXTRA)


def _decode(codec: Codec, stream: IO[bytes], **options: int) -> NDArray[Any]:
    stream.seek(0)
    data = stream.read()
    if codec == "png":
        check_chunks(data)
    decode = getattr(import_module(PACKAGE), f"{codec}_decode")
    values: NDArray[Any] = decode(data, **options)
    if values.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"numbers of type {values.dtype}")
    return values
