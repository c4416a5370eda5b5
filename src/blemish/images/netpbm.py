"""PBM, PGM and PPM, in their binary and their plain form, with all values that they hold.

Pillow stretches values to the range of its modes; here those of more than 8 bits stay as they are
written (0 to 4095 of a 12-bit camera), and only those of fewer are brought to 255, as those of any
other format are. Reference: the manual pages of Netpbm, pbm(5), pgm(5), ppm(5).
"""

from __future__ import annotations

import re
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError
from blemish.images.stored import Stored

MOST_HEADER_BYTES = 1 << 16  # with its comments
_NUMBER = rb"\s*(?:#[^\r\n]*[\r\n]\s*)*(\d{1,9})(?!\d)"
_SIZE = re.compile(rb"P([1-6])(?=[\s#])" + _NUMBER + _NUMBER)
_HIGHEST = re.compile(_NUMBER)
_MOST_VALUE = 65_535
_ANOTHER = re.compile(rb"\s*P[1-6][\s#]")

Shape = tuple[int, int, int]


def look(stream: IO[bytes]) -> Stored:
    """What the header of a file says; `stream` is to stay open until it is decoded.

    Raises:
        ImageError: it is no such header.
    """
    stream.seek(0)
    head = stream.read(MOST_HEADER_BYTES)
    found = _SIZE.match(head)
    if found is None:
        raise ImageError("has no header of PBM, PGM or PPM, it may be damaged.")
    number, width, height = (int(text) for text in found.groups())
    most, end = 1, found.end()
    if number not in (1, 4):
        highest = _HIGHEST.match(head, end)
        if highest is None or not 1 <= int(highest[1]) <= _MOST_VALUE:
            raise ImageError(f"has no highest value from 1 to {_MOST_VALUE}, it may be damaged.")
        most, end = int(highest[1]), highest.end()
    bands = 3 if number in (3, 6) else 1
    read = {1: _plain_bits, 2: _plain, 3: _plain, 4: _bits}.get(number, _binary)

    def decode() -> NDArray[Any]:
        stream.seek(end)
        return _in_range(read(stream, (height, width, bands), most), most)

    return Stored((height, width), max(8, most.bit_length()), bands, decode)


def _in_range(values: NDArray[Any], most: int) -> NDArray[Any]:
    """Values of up to 8 bits from 0 to 255, others as they are."""
    highest = int(values.max(initial=0))
    if highest > most:
        raise ImageError(f"holds the value {highest}, above its highest of {most}.")
    if most > 255:
        return values.astype(np.uint16)
    scaled = (np.arange(most + 1) * 255 + most // 2) // most
    return values.astype(np.uint8) if most == 255 else scaled.astype(np.uint8)[values]


def _binary(stream: IO[bytes], shape: Shape, most: int) -> NDArray[Any]:
    kind = np.dtype(np.uint8 if most < 256 else ">u2")
    data = _whole(stream, int(np.prod(shape, dtype=np.int64)) * kind.itemsize)
    _refuse_another(stream)
    return np.frombuffer(data, kind).reshape(shape)


def _bits(stream: IO[bytes], shape: Shape, _: int) -> NDArray[Any]:
    """Rows of bits, each padded to whole bytes; one is black."""
    height, width = shape[:2]
    row = -(-width // 8)
    rows = np.frombuffer(_whole(stream, height * row), np.uint8).reshape(height, row)
    _refuse_another(stream)
    return 1 - np.unpackbits(rows, axis=1, count=width)


def _plain(stream: IO[bytes], shape: Shape, _: int) -> NDArray[Any]:
    """Numbers as text."""
    text = re.sub(rb"#[^\r\n]*", b"", stream.read()).decode("ascii")
    words = re.sub(r"\s+", " ", text).strip()
    if re.search(r"[^\d ]", words):
        raise ImageError("holds something other than numbers, it may be damaged.")
    values = np.fromstring(words, np.int64, sep=" ")
    return _all_of(values, shape)


def _plain_bits(stream: IO[bytes], shape: Shape, _: int) -> NDArray[Any]:
    """Digits, with or without spaces between them; one is black."""
    text = re.sub(rb"#[^\r\n]*|\s+", b"", stream.read())
    digits = np.frombuffer(text, np.uint8)
    if ((digits != ord("0")) & (digits != ord("1"))).any():
        raise ImageError("holds something other than 0 and 1, it may be damaged.")
    return 1 - _all_of(digits - ord("0"), shape)


def _all_of(values: NDArray[Any], shape: Shape) -> NDArray[Any]:
    wanted = int(np.prod(shape, dtype=np.int64))
    if values.size != wanted:
        raise ImageError(f"holds {values.size:,} values, not the {wanted:,} of its size.")
    return values.reshape(shape)


def _whole(stream: IO[bytes], size: int) -> bytes:
    """So many bytes, after the one that ends the header."""
    if not stream.read(1).isspace():
        raise ImageError("has no space behind its header, it may be damaged.")
    data = stream.read(size)
    if len(data) < size:
        raise ImageError(f"is cut off: {len(data):,} bytes of pixels, not {size:,}.")
    return data


def _refuse_another(stream: IO[bytes]) -> None:
    if _ANOTHER.match(stream.read(64)):
        raise ImageError("holds several images; save the one to look at as a file of its own.")
