"""BMP files with a palette, read as they are written.

Pillow takes an image of 4 or 8 bits whose palette is black and white for one of 1 bit, and one
of 4 bits with a palette of greys for one of 8; the pixels come out scrambled or not at all. Here
its class for BMP files is made to see indices and their palette instead.

Reference: BITMAPINFOHEADER and its successors; BITMAPCOREHEADER of OS/2 (12 bytes, RGBTRIPLE).
"""

from __future__ import annotations

import struct
from typing import Any

from PIL import BmpImagePlugin, ImagePalette

from blemish.errors import ImageError
from blemish.images.kinds import not_read

_CORE_HEADER = 12
_OS2_HEADER = 64
_BITFIELDS = 3
_ALPHA_MASK = slice(48, 52)  # of a header of 56 bytes or more, its own size left out
_INDICES = {1: "P;1", 4: "P;4", 8: "P"}
MOST_RLE_BYTES = 1 << 24  # Pillow unpacks them in Python: some seconds


class BmpFile(BmpImagePlugin.BmpImageFile):
    """A BMP file whose bits and palette are taken as its header has them."""

    def _open(self) -> None:
        try:
            super()._open()
        except OSError as error:
            if not str(error).startswith("Unsupported BMP"):
                raise
            raise not_read(str(error)) from error
        header = _Header(self.fp)
        header.check()
        if header.bits in _INDICES and not self._is_plain(header):
            self._take_as_indices(header)

    def _is_plain(self, header: _Header) -> bool:
        """Pillow found the usual palette of greys, or black and white, and every value is in it."""
        full = header.colours == 1 << header.bits
        return full and (header.bits, self.mode) in {(1, "1"), (8, "L")}

    def _take_as_indices(self, header: _Header) -> None:
        self._mode = "P"
        self.palette = ImagePalette.raw("BGR" if header.is_core else "BGRX", header.palette)
        tile: Any = self.tile[0]
        codec, extents, offset, args = tile
        indices: Any = codec, extents, offset, (_INDICES[header.bits], *args[1:])
        self.tile = [indices if type(tile) is tuple else type(tile)(*indices)]  # by Pillow's age


class _Header:
    """What Pillow does not keep of a header: bits, compression, and the palette as written."""

    def __init__(self, stream: Any) -> None:
        stream.seek(0)
        self.file_bytes = stream.seek(0, 2)
        stream.seek(10)
        offset, size = struct.unpack("<II", stream.read(8))
        self.fields = stream.read(size - 4)
        self.is_core = size == _CORE_HEADER
        self.is_os2 = size == _OS2_HEADER
        (self.bits,) = struct.unpack_from("<H", self.fields, 6 if self.is_core else 10)
        self.compression, used = 0, 0
        if not self.is_core:
            self.compression, _, _, _, used = struct.unpack_from("<5I", self.fields, 12)
        entry = 3 if self.is_core else 4
        self.colours = min(used or 1 << self.bits, 1 << self.bits) if self.bits <= 8 else 0
        room = (offset - 14 - size) // entry
        if room > 0:  # some write no palette's length, and the pixels where it ends
            self.colours = min(self.colours, room)
        self.palette = stream.read(entry * self.colours)

    def check(self) -> None:
        """Raise `ImageError` for kinds that Pillow would read as another."""
        if self.is_os2 and self.compression >= _BITFIELDS:
            raise not_read(f"BMP of OS/2 with compression {self.compression}")
        masked = self.compression == _BITFIELDS and self.bits == 16
        if masked and any(self.fields[_ALPHA_MASK]):
            raise not_read("BMP of 16 bits with alpha")
        if self.compression in (1, 2):
            if self.bits != (8, 4)[self.compression - 1]:
                raise ImageError(f"is a BMP of {self.bits} bits with run lengths of another depth.")
            if self.file_bytes > MOST_RLE_BYTES:
                raise not_read(f"BMP of more than {MOST_RLE_BYTES >> 20} MB of run lengths")
