"""A memory bank in bytes: what processors multiply three to four times as fast as floats.

Closeness of a query x to a bank vector b is x.b - |b|^2 / 2, which is largest for the nearest one.
Rounded, both become whole numbers times a step (the bank's mean is taken off first), and the half
squared length becomes a few more columns that meet a constant in the query; so one product of
bytes gives all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ZERO = 128  # the byte of a query that stands for 0
QUERY_LEVELS = 127  # either side of it
BANK_LEVELS = 63  # either side of 0: older processors add two products of bytes in 16 bits
TAILS = 1e-4  # share of coordinates that may be cut off in queries, for finer steps
SAMPLED = 512  # bank vectors that the size of a level is found from
ROWS = 512  # rounded at a time

Vectors = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RoundedBank:
    """A bank in whole numbers.

    Attributes:
        centre: the bank's mean, D.
        halves: half of each squared length from the centre, M, less their middle.
        query_step, bank_step: size of a level.
        levels: (D + offset columns) x M, int8.
        longest, lost: the greatest length of a vector from the centre, and of what rounding took.
    """

    centre: Vectors
    halves: Vectors
    query_step: np.float32
    bank_step: np.float32
    levels: NDArray[np.int8]
    longest: np.float32
    lost: np.float32

    @property
    def offset_columns(self) -> int:
        """How many columns of a query hold the largest level, after its own."""
        return len(self.levels) - len(self.centre)

    @property
    def offset_step(self) -> np.float32:
        """Of closeness: how finely the half squared lengths are rounded."""
        return QUERY_LEVELS * self.query_step * self.bank_step


def round_bank(bank: Vectors) -> RoundedBank:
    """Round a bank, M x D."""
    centre = bank.mean(axis=0)
    centred = bank - centre
    lengths = np.linalg.norm(centred, axis=1)
    halves = lengths**2 / 2
    halves -= (halves.max() + halves.min()) / 2
    bank_step = _step(max(centred.max(), -centred.min()), BANK_LEVELS)
    sample = centred[:: -(-len(bank) // SAMPLED)]
    query_step = _step(np.quantile(np.abs(sample), 1 - TAILS), QUERY_LEVELS)
    offsets = _offsets(halves / (QUERY_LEVELS * query_step * bank_step))
    levels = np.empty((bank.shape[1] + offsets.shape[1], len(bank)), np.int8)
    levels[bank.shape[1] :] = offsets.T
    lost = np.float32(0)
    for first in range(0, len(bank), ROWS):
        rows = slice(first, first + ROWS)
        rounded = np.rint(centred[rows] / bank_step)
        levels[: bank.shape[1], rows] = rounded.T
        lost = max(lost, np.linalg.norm(centred[rows] - rounded * bank_step, axis=1).max())
    return RoundedBank(centre, halves, query_step, bank_step, levels, lengths.max(), lost)


def _step(largest: np.float32, levels: int) -> np.float32:
    """Size of a level; anything will do where all vectors are one."""
    return np.float32(largest / levels) if largest > 0 else np.float32(1)


def _offsets(halves: Vectors) -> Vectors:
    """What to take off closeness, given in steps, as columns of whole numbers: M x columns."""
    total = -np.rint(halves)
    columns = int(np.ceil(np.abs(total).max() / BANK_LEVELS))
    filled = np.arange(columns) * BANK_LEVELS
    parts: Vectors = (np.abs(total)[:, None] - filled).clip(0, BANK_LEVELS)
    parts *= np.sign(total)[:, None]
    return parts
