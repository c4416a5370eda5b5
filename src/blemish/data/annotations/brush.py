"""Masks as Label Studio's brush writes them: a stream of bits, runs of the values of RGBA.

The stream begins with the number of values (32 bits), the bits of a value less one (5), and how
many bits each of four kinds of length has, less one (4 each). Then come runs: a bit that says
whether one value is repeated, the kind of length (2), the length less one, and the value, or as
many values as the length says. What is not transparent is marked.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CHANNELS = 4
VALUE_BITS = 8
LENGTH_BITS = (3, 4, 8, 16)
SET = 255


def decode(stream: bytes, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask that a stream holds, H x W.

    Raises:
        ValueError: it is damaged, or of another size.
    """
    height, width = size_hw
    bits = _Bits(stream)
    count, value_bits = bits.read(32), bits.read(5) + 1
    length_bits = [bits.read(4) + 1 for _ in range(4)]
    if count != CHANNELS * height * width:
        raise ValueError(f"has brush strokes of another size than {width} x {height} pixels.")
    values: list[int] = []
    lengths: list[int] = []
    left = count
    while left > 0:
        repeated = bits.read(1)
        length = bits.read(length_bits[bits.read(2)]) + 1
        left -= length
        if repeated:
            values.append(bits.read(value_bits))
            lengths.append(length)
        else:
            values += [bits.read(value_bits) for _ in range(length)]
            lengths += [1] * length
    if left < 0:
        raise ValueError("has brush strokes that are damaged.")
    every = np.repeat(np.array(values) != 0, lengths)
    return every[CHANNELS - 1 :: CHANNELS].reshape(height, width)


def encode(mask: NDArray[np.bool_]) -> list[int]:
    """The stream of a mask, H x W, as whole numbers from 0 to 255."""
    pixels = mask.reshape(-1)
    starts = np.concatenate([[0], np.flatnonzero(pixels[1:] != pixels[:-1]) + 1])
    lengths = CHANNELS * np.diff(starts, append=pixels.size)
    bits = [f"{CHANNELS * pixels.size:032b}", f"{VALUE_BITS - 1:05b}"]
    bits += [f"{width - 1:04b}" for width in LENGTH_BITS]
    for length, is_set in zip(lengths.tolist(), pixels[starts].tolist(), strict=True):
        bits += _run(length, SET if is_set else 0)
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def _run(length: int, value: int) -> list[str]:
    longest = 1 << LENGTH_BITS[-1]
    runs = []
    while length > 0:
        here = min(length, longest)
        kind = next(k for k, width in enumerate(LENGTH_BITS) if here <= 1 << width)
        runs.append(f"1{kind:02b}{here - 1:0{LENGTH_BITS[kind]}b}{value:0{VALUE_BITS}b}")
        length -= here
    return runs


class _Bits:
    """Numbers from a stream, most significant bit first."""

    def __init__(self, stream: bytes) -> None:
        self._stream = stream
        self._at = 0

    def read(self, count: int) -> int:
        """The next number of so many bits. Raises `ValueError` at the end of the stream."""
        end = self._at + count
        if end > 8 * len(self._stream):
            raise ValueError("has brush strokes that are cut off.")
        first, behind = self._at // 8, (end + 7) // 8
        self._at = end
        number = int.from_bytes(self._stream[first:behind], "big") >> (8 * behind - end)
        return number & ((1 << count) - 1)
