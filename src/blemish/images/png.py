"""Whether the pixels of a PNG are as they were written, told by the checksums of its chunks.

A decoder that stops at the last row never comes to the checksum behind it, and gives that row as
it is. Reference: PNG specification, section 5.
"""

from __future__ import annotations

import struct
from zlib import crc32

from blemish.errors import ImageError

_SIGNATURE_BYTES = 8
_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"tRNS")


def check_chunks(data: bytes) -> None:
    """Raise `ImageError` where a chunk that says something of the pixels is damaged or cut off."""
    view, place = memoryview(data), _SIGNATURE_BYTES
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"IEND":
            return
        end = place + 8 + size
        if kind in _PIXELS:
            found = view[end : end + 4]
            if crc32(view[place + 4 : end]) != int.from_bytes(found, "big") or len(found) < 4:
                raise ImageError(f"cannot be decoded, it is damaged or cut off ({kind.decode()}).")
        place = end + 4
