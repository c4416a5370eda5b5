"""A memory bank in fewer dimensions, whose distances are never larger than the true ones.

A vector's sketch is where it lies along the directions in which the bank varies most, and, in one
more number, how far it lies off them. What two vectors are apart along these directions, and the
difference of how far they lie off them, together never exceed their distance (Pythagoras, and the
triangle inequality). Patches of surfaces vary in few directions, so the bound is a close one.

Closeness of a query's sketch to a bank vector's is s.t - |b|^2 / 2: one product of matrices, when
the half squared lengths are one more row of the bank that meets a 1 in the query.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.search.vectors import Vectors

SHARE = 8  # dimensions a direction
FEWEST_DIRECTIONS, MOST_DIRECTIONS = 48, 160
FEWEST_DIMENSIONS, FEWEST_NUMBERS = 96, 2**17  # of a bank that is worth sketching
GROUP = 32  # columns of which only the largest closeness is looked at first
SAMPLED = 2048  # vectors that the directions are found from
ROUNDS = 2  # of power iteration
ROWS = 4096  # sketched at a time
ROUNDING = 1e-5  # of a squared length: more than float32 can go wrong by in a product
LOST = 2e-6  # of a squared length: more than float32 can go wrong by in a sum of squares
NEXT_TO_NOTHING = 1e-30  # so that nothing is divided by 0


@dataclass(frozen=True, eq=False)
class SketchedBank:
    """A bank of M x D in d directions.

    Attributes:
        centre: the bank's mean, D.
        basis: the directions, D x d, orthonormal.
        columns: d + 2 x M: along the directions, off them, minus half the squared length. Copies
            of the last make them whole groups. A group are those whose numbers differ by a
            `GROUP`th of them all.
        longest, farthest_off: the greatest length of a vector from the centre, and off the
            directions.
    """

    centre: Vectors
    basis: Vectors
    columns: Vectors
    longest: float
    farthest_off: float

    def sketch(self, queries: Vectors) -> tuple[Vectors, NDArray[np.float32]]:
        """Sketches of queries, and what bounds their distances.

        Args:
            queries: Q x D.

        Returns:
            Sketches (Q x d + 2) and floors (Q): no bank vector is nearer to a query, in squared
            distance, than its floor less twice the product of its sketch and the vector's column.
        """
        centred = queries - self.centre
        along = centred @ self.basis
        total: NDArray[np.float32] = np.einsum("qd,qd->q", centred, centred)
        off = np.sqrt(np.maximum(total - np.einsum("qd,qd->q", along, along), 0))
        unsure = np.sqrt(np.float32(LOST) * total)  # of `off`, where that is nearly nothing
        slack = np.float32(ROUNDING) * (np.sqrt(total) + np.float32(self.longest)) ** 2
        least = np.maximum(np.maximum(off, unsure), np.float32(NEXT_TO_NOTHING))
        slack += np.float32(2 * self.farthest_off) * unsure**2 / least
        sketches = np.column_stack([along, off, np.ones_like(off)])
        return sketches, total - slack


def worth_sketching(vectors: int, dimensions: int) -> bool:
    """Whether products of sketches are enough cheaper than those of so many vectors."""
    return dimensions >= FEWEST_DIMENSIONS and vectors * dimensions >= FEWEST_NUMBERS


def searched_bytes(vectors: int, dimensions: int) -> int:
    """What the sketch of a vector adds to a bank of so many."""
    return 4 * (_directions_of(dimensions) + 2) if worth_sketching(vectors, dimensions) else 0


def sketch_bank(bank: Vectors, *, directions: int | None = None) -> SketchedBank:
    """Sketch a bank, M x D, by so many directions; by default as many as suit a search."""
    dimensions = bank.shape[1]
    directions = directions or _directions_of(dimensions)
    centre = bank.mean(axis=0)
    sample = bank[:: -(-len(bank) // SAMPLED)] - centre
    basis = _directions(sample, min(directions, dimensions))
    columns = np.zeros((basis.shape[1] + 2, -(-len(bank) // GROUP) * GROUP), np.float32)
    longest_sq = 0.0
    for first in range(0, len(bank), ROWS):
        rows = slice(first, first + ROWS)
        centred = (bank[rows] - centre).astype(np.float64)
        along = centred @ basis
        total = np.einsum("md,md->m", centred, centred)
        off_sq = np.maximum(total - np.einsum("md,md->m", along, along), 0)
        columns[:, first : first + len(total)] = np.vstack([along.T, np.sqrt(off_sq), total / -2])
        longest_sq = max(longest_sq, total.max())
    columns[:, len(bank) :] = columns[:, [len(bank) - 1]]
    return SketchedBank(centre, basis, columns, longest_sq**0.5, float(columns[-2].max()))


def _directions_of(dimensions: int) -> int:
    return min(max(dimensions // SHARE, FEWEST_DIRECTIONS), MOST_DIRECTIONS)


def _directions(centred: Vectors, count: int) -> Vectors:
    """Orthonormal directions in which vectors vary most, nearly the principal ones, D x count."""
    shape = (centred.shape[1], count)
    basis = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    for _ in range(ROUNDS):
        spread = centred.T @ (centred @ basis)
        orthonormal, _ = np.linalg.qr(spread.astype(np.float64))
        basis = orthonormal.astype(np.float32)
    return basis
