"""The chain: each row's hash is over the hash of the row before and all of its own columns.

Convention: SHA-256 of a header of fixed length (big-endian) and the texts (UTF-8) one after the
other. The header holds the hash before, the version of this encoding, number and time (microseconds
since 1970, UTC), then score, threshold and the row referred to, each with a byte that says whether
it is there, then the length of each text, -1 where there is none. Floats are their 8 bytes.
No two different rows have the same encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

NUMBERS = ("number", "time", "score", "threshold", "refers_to")
TEXTS = (
    "kind", "key", "part", "recipe", "model_sha256", "image_sha256", "verdict", "who", "body",
)  # fmt: skip
COLUMNS = (*NUMBERS, *TEXTS)  # in the order in which they are stored and hashed
ENCODING = 1
START = bytes(32)  # what comes before the first row
_HEADER = struct.Struct(f">32sBqq?d?d?q{len(TEXTS)}i")


def link(before: bytes, columns: Sequence[Any]) -> bytes:
    """The hash of a row, 32 bytes.

    Args:
        before: the hash of the row before it, 32 bytes.
        columns: its values by `COLUMNS`, texts as UTF-8 bytes.

    Raises:
        struct.error, TypeError: a value is none that such a row can have.
    """
    # A million of these in ten seconds: spelled out, it takes half as long as loops do.
    (number, time, score, threshold, refers_to,
     kind, key, part, recipe, model, image, verdict, who, body) = columns  # fmt: skip
    header = _HEADER.pack(
        before,
        ENCODING,
        number,
        time,
        score is not None,
        score or 0.0,
        threshold is not None,
        threshold or 0.0,
        refers_to is not None,
        refers_to or 0,
        len(kind),
        -1 if key is None else len(key),
        -1 if part is None else len(part),
        -1 if recipe is None else len(recipe),
        -1 if model is None else len(model),
        -1 if image is None else len(image),
        -1 if verdict is None else len(verdict),
        -1 if who is None else len(who),
        len(body),
    )
    texts = (header, kind, key or b"", part or b"", recipe or b"", model or b"", image or b"",
             verdict or b"", who or b"", body)  # fmt: skip
    return sha256(b"".join(texts)).digest()
