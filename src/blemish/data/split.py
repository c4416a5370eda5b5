"""Splits that stay put: every picture is placed by a hash of its own, never by its position.

Adding or removing a picture never moves another one, exact duplicates fall on the same side, and
so do all pictures of a group (the same part under several lights, say). The price is that shares
are met only roughly: of n pictures, test_fraction * n give or take a binomial spread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

Split = Literal["train", "test"]


def key_of(group: str | None, content: str) -> str:
    """What keeps pictures together when they are split: their group, else a hash of the content."""
    return f"content:{content}" if group is None else f"group:{group}"


def position_of(key: str, *, seed: int) -> float:
    """Where `key` falls in [0, 1): uniform over keys, the same for ever for one key and seed."""
    digest = hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogateescape")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def split_of(key: str, *, seed: int, test_fraction: float) -> Split:
    """`test` for a share `test_fraction` of all keys, `train` for the rest."""
    return "test" if position_of(key, seed=seed) < test_fraction else "train"


def parts_of(keys: Sequence[str], most: int, *, seed: int) -> list[list[int]]:
    """Share positions out into up to `most` parts of like size; equal keys stay together.

    Unlike the split, a part may change when a key is added: parts only serve to leave some out.
    """
    distinct = sorted(set(keys), key=lambda key: position_of(key, seed=seed))
    part = {key: rank % most for rank, key in enumerate(distinct)}
    parts: dict[int, list[int]] = {}
    for position, key in enumerate(keys):
        parts.setdefault(part[key], []).append(position)
    return [parts[number] for number in sorted(parts)]
