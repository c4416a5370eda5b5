"""What a JPEG XL file says of itself before anything is decoded.

Reference: ISO/IEC 18181-1, annex D (SizeHeader, ImageMetadata), 18181-2 (its boxes).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO

from blemish.errors import ImageError
from blemish.images.kinds import not_read

_BARE = b"\xff\x0a"
_ENOUGH = 1024  # bytes of a codestream in which all of this is told
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height
_SIDES = ((1, 9), (1, 13), (1, 18), (1, 30))
_DEPTHS = (8, 10, 12)
_ALPHA, _GREY = 0, 1  # kinds of a further channel, and of colours
MOST_BOXES = 1000


@dataclass(frozen=True)
class XlHeader:
    """What is to be known of an image.

    Attributes:
        size_hw: height and width upright, as a decoder gives it.
        bits: of a channel.
        bands: 1 grey, 3 RGB, and one more with alpha.
    """

    size_hw: tuple[int, int]
    bits: int
    bands: int


def header_of(stream: IO[bytes]) -> XlHeader:
    """What the header says; `stream` is left at its beginning.

    Raises:
        ImageError: the file is damaged, or of a kind that is not read in full.
    """
    stream.seek(0)
    bits = _Bits(_codestream(stream))
    stream.seek(0)
    if bits.take(16) != int.from_bytes(_BARE, "little"):
        raise ImageError("has no JPEG XL codestream, it may be damaged.")
    size_hw = _size(bits)
    if bits.take(1):  # all of what follows is as usual
        return XlHeader(size_hw, 8, 3)
    size_hw = size_hw[::-1] if bits.take(1) and _turned(bits) else size_hw
    depth = _depth(bits)
    if not 8 <= depth <= 16:
        raise not_read(f"JPEG XL of {depth} bits")
    bits.take(1)  # whether 16 bits are enough for a decoder
    alphas = _number(bits, 0, 1, (2, 4), (1, 12))
    if alphas > 1 or (alphas and not _is_plain_alpha(bits)):
        raise not_read("JPEG XL with further channels, or alpha that is multiplied into colours")
    bits.take(1)  # whether colours are those of human vision
    usual = bits.take(1)
    grey = not usual and not bits.take(1) and _number(bits, 0, 1, (2, 4), (18, 6)) == _GREY
    return XlHeader(size_hw, depth, (1 if grey else 3) + alphas)


def _turned(bits: _Bits) -> bool:
    """Whether height and width change places, from the fields that few images have."""
    orientation = bits.take(3) + 1
    if bits.take(1):
        _size(bits)  # that it is meant to be shown in
    if bits.take(1):
        raise not_read("JPEG XL with a preview")
    if bits.take(1):
        raise not_read("JPEG XL that is animated")
    return orientation >= 5


def _depth(bits: _Bits) -> int:
    if bits.take(1):
        raise not_read("JPEG XL of floating-point numbers")
    return _number(bits, *_DEPTHS, (1, 6))


def _is_plain_alpha(bits: _Bits) -> bool:
    """Whether a further channel is alpha that is not multiplied into the colours."""
    if bits.take(1):
        return True  # as usual
    kind = _number(bits, 0, 1, (2, 4), (18, 6))
    _depth(bits)
    shrunk = _number(bits, 0, 3, 4, (1, 3))
    name_bytes = _number(bits, 0, (0, 4), (16, 5), (48, 10))
    bits.take(8 * name_bytes)
    return kind == _ALPHA and not shrunk and not bits.take(1)


def _number(bits: _Bits, *choices: int | tuple[int, int]) -> int:
    """One of four: a number that is given, or one that is read, as an offset and its bits."""
    chosen = choices[bits.take(2)]
    return chosen if isinstance(chosen, int) else chosen[0] + bits.take(chosen[1])


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)

    def side() -> int:
        return 8 * (bits.take(5) + 1) if small else _number(bits, *_SIDES)

    height, ratio = side(), bits.take(3)
    if not ratio:
        return height, side()
    across, down = _RATIOS[ratio - 1]
    return height, height * across // down


def _codestream(stream: IO[bytes]) -> bytes:
    """The beginning of the codestream, bare or in boxes."""
    if stream.read(2) == _BARE:
        return _BARE + stream.read(_ENOUGH)
    stream.seek(0)
    for _ in range(MOST_BOXES):
        start = stream.tell()
        head = stream.read(8)
        if len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head)
        if length == 1:
            length = struct.unpack(">Q", stream.read(8))[0]
        if kind == b"jxlc":
            return stream.read(_ENOUGH)
        if kind == b"jxlp":
            stream.read(4)  # the number of the part
            return stream.read(_ENOUGH)
        if length < 8:
            break
        stream.seek(start + length)
    raise ImageError("has no JPEG XL codestream, it may be damaged.")


class _Bits:
    """Numbers of so many bits each, the lowest bit first."""

    def __init__(self, data: bytes) -> None:
        self._number, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        """The next number. Raises `ImageError` at the end."""
        if count > self._left:
            raise ImageError("ends within its header, it is cut off.")
        value = self._number & ((1 << count) - 1)
        self._number, self._left = self._number >> count, self._left - count
        return value
