"""Splits that stay put: every picture is placed by a hash of its own, never by its position.

Adding or removing a picture never moves another one, exact duplicates fall on the same side, and
so do all pictures of a group (the same part under several lights, say). The price is that shares
are met only roughly: of n pictures, test_fraction * n give or take a binomial spread.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Split = Literal["train", "test"]


def position_of(key: str, *, seed: int) -> float:
    """Where `key` falls in [0, 1): uniform over keys, the same for ever for one key and seed."""
    digest = hashlib.sha256(f"{seed}:{key}".encode("utf-8", "surrogateescape")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def split_of(key: str, *, seed: int, test_fraction: float) -> Split:
    """`test` for a share `test_fraction` of all keys, `train` for the rest."""
    return "test" if position_of(key, seed=seed) < test_fraction else "train"


def fold_of(key: str, *, folds: int, seed: int) -> int:
    """The fold of `key`, 0 to `folds` - 1: the same for all pictures of a key."""
    return int(position_of(f"fold:{key}", seed=seed) * folds)
