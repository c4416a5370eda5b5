"""What a JPEG 2000 file holds, told from its markers and boxes: Pillow cuts colours to 8 bits.

Reference: ITU-T T.800, annex A (codestream) and annex I (the boxes of JP2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from blemish.errors import ImageError
from blemish.images.kinds import not_read

_CODESTREAM = b"\xff\x4f\xff\x51"  # start of codestream, and its size
_SIGNED = 0x80
_CMYK, _SRGB, _GREY, _SYCC = 12, 16, 17, 18
_COLOURS_READ = frozenset({_SRGB, _GREY, _SYCC})
MOST_BOXES = 1000


@dataclass(frozen=True)
class Components:
    """Height, width, number and bits of an image's components."""

    size_hw: tuple[int, int]
    count: int
    bits: int


def components_of(stream: IO[bytes]) -> Components:
    """What an image is made of; `stream` is left at its beginning.

    Raises:
        ImageError: the file is damaged, or holds what is not read in full.
    """
    stream.seek(0)
    bare = stream.read(4) == _CODESTREAM
    places = (
        [(0, 0)]
        if bare
        else [(at, size) for kind, at, size in _boxes(stream, 0, None) if kind == b"jp2c"]
    )
    if len(places) != 1:
        raise ImageError(
            f"holds {len(places)} images; save the one to look at as a file of its own."
        )
    found = _size_marker(stream, places[0][0])
    if not bare:
        _check_header(stream, found)
    stream.seek(0)
    return found


def _size_marker(stream: IO[bytes], at: int) -> Components:
    stream.seek(at)
    if stream.read(4) != _CODESTREAM:
        raise ImageError("has no JPEG 2000 codestream, it may be damaged.")
    _, _, right, bottom, left, top, _, _, _, _, count = struct.unpack(
        ">HHIIIIIIIIH", stream.read(38)
    )
    if not 1 <= count <= 4:
        raise not_read(f"JPEG 2000 of {count} components")
    each = [struct.unpack("BBB", stream.read(3)) for _ in range(count)]
    depths, steps = {depth for depth, _, _ in each}, {step for _, *steps in each for step in steps}
    if len(depths) > 1 or max(depths) & _SIGNED:
        raise not_read("JPEG 2000 of signed numbers, or of components that are unlike")
    if steps != {1}:
        raise not_read("JPEG 2000 with subsampled components")
    bits = max(depths) + 1
    if not 8 <= bits <= 16:
        raise not_read(f"JPEG 2000 of {bits} bits")
    return Components((bottom - top, right - left), count, bits)


def _check_header(stream: IO[bytes], found: Components) -> None:
    """Raise `ImageError` where the boxes say that the components are no greys or colours."""
    header = next(
        ((at, size) for kind, at, size in _boxes(stream, 0, None) if kind == b"jp2h"), None
    )
    if header is None:
        raise ImageError("has no JP2 header, it may be damaged.")
    for kind, at, size in _boxes(stream, header[0], header[1]):
        stream.seek(at)
        data = stream.read(min(size, 64))
        if kind == b"ihdr" and struct.unpack(">IIH", data[:10]) != (*found.size_hw, found.count):
            raise ImageError("says two sizes, it may be damaged.")
        if kind in (b"pclr", b"cmap"):
            raise not_read("JPEG 2000 with a palette")
        if kind == b"colr" and data[0] == 1:
            colours = struct.unpack(">I", data[3:7])[0]
            if colours not in _COLOURS_READ or (colours == _SYCC and found.bits > 8):
                raise not_read(f"JPEG 2000 in colours of kind {colours}")


def _boxes(stream: IO[bytes], start: int, size: int | None) -> Iterator[tuple[bytes, int, int]]:
    """Kind, place and size of the content of each box; the last may reach to the file's end."""
    end = stream.seek(0, 2) if size is None else start + size
    for _ in range(MOST_BOXES):
        if start + 8 > end:
            return
        stream.seek(start)
        length, kind = struct.unpack(">I4s", stream.read(8))
        head = 8
        if length == 1:
            length, head = struct.unpack(">Q", stream.read(8))[0], 16
        length = end - start if length == 0 else length
        if length < head or start + length > end:
            raise ImageError("has a box that reaches beyond its end, it may be damaged or cut off.")
        yield kind, start + head, length - head
        start += length
