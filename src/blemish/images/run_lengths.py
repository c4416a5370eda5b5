"""Masks as lengths of runs, in COCO's way.

Convention: pixels are taken column by column; lengths are of what is not set and set in turn, the
first of what is not set (0 where the first pixel is set).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Lengths = NDArray[np.int64]

_BITS = 5  # of a length in a character
_MORE = 0x20
_SIGN = 0x10
_FIRST_CHARACTER = 48


def run_lengths(mask: NDArray[np.bool_]) -> Lengths:
    """The lengths of a mask, H x W."""
    pixels = mask.T.reshape(-1)
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    ends = np.concatenate([changes, [pixels.size]])
    lengths = np.diff(ends, prepend=0)
    return np.concatenate([[0], lengths]) if pixels[0] else lengths


def mask_of(lengths: Lengths, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask, H x W.

    Raises:
        ValueError: the lengths are of another number of pixels.
    """
    height, width = size_hw
    check_lengths(lengths, size_hw)
    values = np.arange(len(lengths)) % 2 == 1
    return np.repeat(values, lengths).reshape(width, height).T


def box_of(lengths: Lengths, height: int) -> tuple[int, int, int, int] | None:
    """The box around what is set, x0, y0, x1, y1, the last two exclusive; `None` around nothing."""
    ends = np.cumsum(lengths)[1::2]
    starts = ends - lengths[1::2]
    starts, ends = starts[starts < ends], ends[starts < ends]
    if not len(starts):
        return None
    left, right = starts // height, (ends - 1) // height
    top, bottom = int((starts % height).min()), int(((ends - 1) % height).max()) + 1
    if (left < right).any():  # a run that goes on in the next column touches both edges
        top, bottom = 0, height
    return int(left.min()), top, int(right.max()) + 1, bottom


def check_lengths(lengths: Lengths, size_hw: tuple[int, int]) -> None:
    """Raise `ValueError` where lengths are not those of so many pixels."""
    pixels = size_hw[0] * size_hw[1]
    if (lengths < 0).any() or (lengths > pixels).any() or int(lengths.sum()) != pixels:
        raise ValueError(
            f"its run lengths are not those of {size_hw[0]} x {size_hw[1]} pixels (height x width)."
        )


def to_text(lengths: Lengths) -> str:
    """Lengths as COCO's short text: from the third on the difference to the last but one."""
    characters = []
    values = lengths.tolist()
    differences = values[:3] + [b - a for a, b in zip(values[1:-2], values[3:], strict=True)]
    for value in differences:
        left = value
        while True:
            bits = left & (2**_BITS - 1)
            left >>= _BITS
            done = left == (-1 if bits & _SIGN else 0)
            characters.append(bits if done else bits | _MORE)
            if done:
                break
    return bytes(code + _FIRST_CHARACTER for code in characters).decode()


def from_text(text: str) -> Lengths:
    """The lengths that a short text holds. Raises `ValueError` where it is none."""
    codes = np.frombuffer(text.encode(errors="replace"), np.uint8).astype(np.int64)
    codes -= _FIRST_CHARACTER
    ends = np.flatnonzero(codes & _MORE == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    if ((codes < 0) | (codes >= 2 * _MORE)).any() or not len(ends) or ends[-1] != len(codes) - 1:
        raise ValueError("its run lengths are damaged.")
    digits = ends - starts + 1
    if (digits > 6).any():  # no image has runs of 2^30 pixels
        raise ValueError("its run lengths are damaged.")
    place = np.arange(len(codes)) - np.repeat(starts, digits)
    values = np.add.reduceat((codes & (_MORE - 1)) << (_BITS * place), starts)
    values -= np.where(codes[ends] & _SIGN != 0, 1 << (_BITS * digits), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values
