"""What a JPEG costs to decode, told from its markers.

A progressive JPEG is decoded scan by scan, each over all pixels: a small file may ask for thousands
of them. Reference: ITU-T T.81, annex B.
"""

from __future__ import annotations

import re
from typing import IO

_START_OF_SCAN = b"\xff\xda"
_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # no stuffed zero, no restart
_ALONE = frozenset({0x01, 0xD8})  # markers without a length
_END = 0xD9
_CHUNK = 1 << 20


def count_scans(stream: IO[bytes], *, at_most: int) -> int:
    """How many scans an image has; those of thumbnails in its metadata do not count.

    Args:
        stream: the file; it is left at its beginning.
        at_most: so many may be told without a closer look, by a count that may be too high.
    """
    stream.seek(0)
    last, scans = b"", 0
    while chunk := stream.read(_CHUNK):
        scans += (last + chunk).count(_START_OF_SCAN)
        last = chunk[-1:]
    if scans > at_most:
        stream.seek(0)
        scans = _walk(stream.read())
    stream.seek(0)
    return scans


def _walk(data: bytes) -> int:
    """Count the scans between a JPEG's first marker and its end."""
    scans, place = 0, 0
    while (marker := _MARKER.search(data, place)) is not None:
        code, place = marker[1][0], marker.end()
        if code == _END:
            break
        if code in _ALONE:
            continue
        scans += code == _START_OF_SCAN[1]
        place += int.from_bytes(data[place : place + 2], "big")
    return scans
