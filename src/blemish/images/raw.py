"""Raw files: the pixels of a camera without a header, which somebody has to describe.

Formats have the names of GenICam's Pixel Format Naming Convention (PFNC) and of GigE Vision, in any
case and with or without underscores: `mono8`, `Mono12Packed`, `bayer_rg12p`. Several bytes of a
number are in little-endian order. `mono12msb` is no name of theirs: it packs the highest bits
first, as TIFF does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import IO, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError, SettingError
from blemish.images.mosaic import demosaic
from blemish.images.stored import Stored

Packing = Literal["", "p", "packed", "msb"]

_SPELLED = re.compile(r"(?P<width>\d{1,6})x(?P<height>\d{1,6}):(?P<format>\w+)")
_FORMAT = re.compile(r"(?P<family>mono|rgb|bgr|bayer(?:rg|gr|gb|bg))(?P<bits>\d+)(?P<packing>\D*)")
_BITS = {"mono": (8, 10, 12, 14, 16), "rgb": (8, 10, 12, 16), "bgr": (8, 10, 12, 16)}
_BAYER_BITS = (8, 10, 12, 16)
_PACKED_BITS = (10, 12)
NAMES = (
    "mono8, mono10, mono12, mono14, mono16, mono10p, mono12p, mono10packed, mono12packed, "
    "mono12msb, rgb8, bgr8, bayer_rg8 (or gr, gb, bg; 8, 10, 12, 16, 12p, 12packed)"
)
_TRY = f"give WIDTHxHEIGHT:FORMAT, as 2448x2048:mono12packed; formats are {NAMES}"


@dataclass(frozen=True)
class RawFormat:
    """How the pixels lie in a raw file; `RawFormat.named` reads it from a text.

    Attributes:
        size_hw: height and width of all images.
        family: `mono`, `rgb`, `bgr`, or `bayer` with the colours of its first two pixels, `rg` say.
        bits: of a number.
        packing: nothing where each number has whole bytes of its own; `p` is PFNC's (the lowest
            bits first), `packed` that of GigE Vision, `msb` the highest bits first.
    """

    size_hw: tuple[int, int]
    family: str
    bits: int
    packing: Packing = ""

    @classmethod
    def named(cls, text: str) -> Self:
        """`2448x2048:mono12packed`, say. Raises `SettingError`."""
        spelled = _SPELLED.fullmatch(text.strip().lower())
        if spelled is None:
            raise SettingError(f"'raw' must say size and format; got '{text}': {_TRY}.")
        size_hw = int(spelled["height"]), int(spelled["width"])
        known = _FORMAT.fullmatch(spelled["format"].replace("_", ""))
        found = known and cls(size_hw, known["family"], int(known["bits"]), known["packing"])  # type: ignore[arg-type]
        if not found or not found._is_known():
            raise SettingError(f"'raw' has no format '{spelled['format']}': {_TRY}.")
        if 0 in size_hw:
            raise SettingError(f"'raw' must have a width and height of 1 or more; got '{text}'.")
        if found.packing and size_hw[1] % found._together:
            raise SettingError(
                f"'raw' must have a width that is a multiple of {found._together}, since so many "
                f"packed pixels share their bytes; got '{text}'."
            )
        return found

    def __str__(self) -> str:
        return f"{self.size_hw[1]}x{self.size_hw[0]}:{self.family}{self.bits}{self.packing}"

    @property
    def file_bytes(self) -> int:
        """What a file holds."""
        height, width = self.size_hw
        return height * width * self._numbers * self._stored_bits // 8

    def look(self, stream: IO[bytes]) -> Stored:
        """A file of this format; `stream` is to stay open until it is decoded.

        Raises:
            ImageError: it has another number of bytes.
        """
        size = stream.seek(0, 2)
        if size != self.file_bytes:
            raise ImageError(f"has {size:,} bytes; as '{self}' it would have {self.file_bytes:,}.")

        def decode() -> NDArray[Any]:
            stream.seek(0)
            return self.decode(stream.read())

        return Stored(self.size_hw, self.bits, 1 if self.family == "mono" else 3, decode)

    def decode(self, data: bytes) -> NDArray[Any]:
        """The pixels, H x W or H x W x 3, uint8 or uint16.

        Raises:
            ImageError: there is a number of more bits than the format has.
        """
        values = _numbers(np.frombuffer(data, np.uint8), self.bits, self.packing)
        if not self.packing and 8 < self.bits < 16 and values.max(initial=0) >> self.bits:
            raise ImageError(
                f"holds the number {values.max()}, and '{self}' has {self.bits} bits: its bytes "
                "may be in big-endian order, or its format another."
            )
        if self.family.startswith("bayer"):
            return demosaic(values.reshape(self.size_hw), self.family.removeprefix("bayer"))
        pixels = values.reshape(*self.size_hw, self._numbers)
        return pixels[:, :, ::-1] if self.family == "bgr" else pixels

    def _is_known(self) -> bool:
        if self.packing:
            packable = self.family not in ("rgb", "bgr") and self.bits in _PACKED_BITS
            return packable and self.packing in ("p", "packed", "msb")
        return self.bits in _BITS.get(self.family, _BAYER_BITS)

    @property
    def _numbers(self) -> int:
        """Of a pixel."""
        return 3 if self.family in ("rgb", "bgr") else 1

    @property
    def _stored_bits(self) -> int:
        """That a number takes in the file."""
        if self.packing == "packed":
            return 12  # GigE Vision lays two numbers of 10 bits into three bytes, too
        return self.bits if self.packing else 8 * -(-self.bits // 8)

    @property
    def _together(self) -> int:
        """Pixels that begin with a whole byte, and end with one."""
        return 2 if self._stored_bits == 12 else 4


def _numbers(data: NDArray[np.uint8], bits: int, packing: Packing) -> NDArray[Any]:
    """All numbers in the order of the file, uint8 or uint16."""
    if packing == "packed":
        return _gige_packed(data, bits)
    if packing:
        return _packed(data, bits, lowest_first=packing == "p")
    return data if bits == 8 else data.view("<u2").astype(np.uint16, copy=False)


def _gige_packed(data: NDArray[np.uint8], bits: int) -> NDArray[np.uint16]:
    """Three bytes for two numbers: the high bits of either, with the low bits between them."""
    first, low, second = data.reshape(-1, 3).astype(np.uint16).T
    more = bits - 8
    mask = (1 << more) - 1
    return np.stack([first << more | low & mask, second << more | low >> 4 & mask], -1).ravel()


def _packed(data: NDArray[np.uint8], bits: int, *, lowest_first: bool) -> NDArray[np.uint16]:
    """Numbers of 10 or 12 bits without a gap, each within two bytes that follow each other."""
    together = 8 // np.gcd(bits, 8)
    group = data.reshape(-1, together * bits // 8).astype(np.uint16)
    values = np.empty((len(group), together), np.uint16)
    for number in range(together):
        byte, bit = divmod(number * bits, 8)
        one, other = group[:, byte], group[:, byte + 1]
        if lowest_first:
            values[:, number] = (one | other << 8) >> bit
        else:
            values[:, number] = (one << 8 | other) >> (16 - bits - bit)
    values &= (1 << bits) - 1
    return values.ravel()
