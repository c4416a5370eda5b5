"""What one file has that another has not: enough to make the one from the other, byte for byte.

Stretches of the old file that the new one holds anywhere are told by their place there, all else
is kept, compressed. Equal stretches are found by the hashes of blocks (Tridgell and Mackerras, "The
rsync algorithm", 1996). Pure functions of bytes; nothing here knows what the files are.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK = 64  # bytes, of which equal ones are looked for
WINDOW = 1 << 18  # bytes of the old file whose hashes are held at a time
LEVEL = 6  # of compression
_STEP = struct.Struct("<QQQ")  # bytes kept, then where in the new file a copy begins, and its bytes
_HEAD = struct.Struct("<Q")  # steps
_WORDS = BLOCK // 8
_ODD = np.array([0x9E3779B97F4A7C15 * (2 * i + 1) % 2**64 | 1 for i in range(_WORDS)], np.uint64)


class DeltaError(ValueError):
    """A delta is damaged, or belongs to another file."""


def delta(old: bytes, new: bytes) -> bytes:
    """What `applied` makes the old file of, when it is given the new one."""
    steps, kept, done = [], [], 0
    for at, place, size in _copies(old, new):
        kept.append(old[done:at])
        steps.append(_STEP.pack(at - done, place, size))
        done = at + size
    kept.append(old[done:])
    steps.append(_STEP.pack(len(old) - done, 0, 0))
    told = _HEAD.pack(len(steps)) + b"".join(steps) + b"".join(kept)
    return zlib.compress(told, LEVEL)


def applied(difference: bytes, new: bytes, *, most_bytes: int) -> bytes:
    """The old file.

    Args:
        difference: by `delta`.
        new: the file that it was taken from.
        most_bytes: that the old one may have.

    Raises:
        DeltaError: the difference is damaged, belongs to another file, or gives too much.
    """
    try:
        unpacking = zlib.decompressobj()
        told = unpacking.decompress(difference, 2 * most_bytes)
        (count,) = _HEAD.unpack_from(told)
        place = _HEAD.size + count * _STEP.size
        if place > len(told):
            raise DeltaError("it ends too early")
        parts, total = [], 0
        for number in range(count):
            size, start, copied = _STEP.unpack_from(told, _HEAD.size + number * _STEP.size)
            total += size + copied
            if start + copied > len(new) or place + size > len(told) or total > most_bytes:
                raise DeltaError("it asks for what is not there")
            parts += [told[place : place + size], new[start : start + copied]]
            place += size
        return b"".join(parts)
    except (zlib.error, struct.error) as error:
        raise DeltaError(str(error)) from error


def _copies(old: bytes, new: bytes) -> Iterator[tuple[int, int, int]]:
    """Stretches that both have, in order: where in the old, where in the new, how many bytes."""
    if min(len(old), len(new)) < BLOCK:
        return
    hashes, order = _blocks_of(new)
    done = 0
    for first in range(0, len(old) - BLOCK + 1, WINDOW):
        if first + WINDOW <= done:
            continue
        at_each = _hashes_at_each(old[first : first + WINDOW + BLOCK - 1])
        found = np.searchsorted(hashes, at_each)
        found[found == len(hashes)] = 0
        likely = np.flatnonzero(hashes[found] == at_each)
        number = 0
        while (number := max(number, int(np.searchsorted(likely, done - first)))) < len(likely):
            start, place = first + int(likely[number]), int(order[found[likely[number]]]) * BLOCK
            number += 1
            if old[start : start + BLOCK] != new[place : place + BLOCK]:
                continue
            back = _equal_before(old, new, start, place, most=start - done)
            size = back + _equal_from(old, new, start, place)
            yield start - back, place - back, size
            done = start - back + size


def _blocks_of(new: bytes) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes of the blocks of a file, rising, and which block each is of."""
    count = len(new) // BLOCK
    words = np.frombuffer(new, np.uint64, count * _WORDS).reshape(count, _WORDS)
    hashes = _mixed((words * _ODD).sum(axis=1, dtype=np.uint64))
    order = np.argsort(hashes, kind="stable")
    return hashes[order], order


def _hashes_at_each(part: bytes) -> NDArray[np.uint64]:
    """Hashes of the blocks that begin at each byte."""
    count = len(part) - BLOCK + 1
    hashes = np.empty(count, np.uint64)
    for shift in range(min(8, count)):
        words = np.frombuffer(part, np.uint64, (len(part) - shift) // 8, shift)
        sums = np.zeros(len(words) - _WORDS + 1, np.uint64)
        for number, odd in enumerate(_ODD):
            sums += words[number : len(words) - _WORDS + 1 + number] * odd
        hashes[shift::8] = sums[: len(hashes[shift::8])]
    return _mixed(hashes)


def _mixed(sums: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return sums ^ (sums >> np.uint64(29))


def _equal_from(old: bytes, new: bytes, at: int, place: int) -> int:
    """How many bytes are equal from there on."""
    size, step = 0, BLOCK
    most = min(len(old) - at, len(new) - place)
    while size < most:
        step = min(step, most - size)
        ours, theirs = old[at + size : at + size + step], new[place + size : place + size + step]
        if ours != theirs:
            pairs = (np.frombuffer(part, np.uint8) for part in (ours, theirs))
            return size + int(np.argmax(np.not_equal(*pairs)))
        size, step = size + step, min(2 * step, WINDOW)
    return size


def _equal_before(old: bytes, new: bytes, at: int, place: int, *, most: int) -> int:
    """How many bytes before there are equal, as far as they may be."""
    most, size = min(most, place, BLOCK), 0
    while size < most and old[at - size - 1] == new[place - size - 1]:
        size += 1
    return size
