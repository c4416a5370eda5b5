"""Exact nearest neighbours in a memory bank, in NumPy; `neighbours_graph` is the same as a graph.

Matrix products rank, and the distances of the winners are taken from the differences themselves, so
that small distances between long vectors keep their digits. The graph is what ships; fitting uses
NumPy to score training images as if they had been left out. Tests hold the two together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blemish.search.vectors import Vectors

QUERIES, VECTORS = 512, 8192  # whose products are held at a time


def nearest(
    queries: Vectors, bank: Vectors, *, k: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The `k` nearest bank vectors of each query, nearest first.

    Args:
        queries: Q x D.
        bank: M x D.
        k: how many neighbours; at most M.

    Returns:
        Squared distances (Q x k) and rows of the bank (Q x k).
    """
    return ProductSearch(bank).nearest(queries, k=k)


class ProductSearch:
    """A bank made ready for searches by products.

    With queries taken from the bank's centre c, the nearest vector b is where
    (q - c).b - |b - c|^2 / 2 is largest; what the centre adds is the same for all vectors.

    Args:
        bank: M x D, float32.
    """

    def __init__(self, bank: Vectors) -> None:
        self._bank = bank
        self._centre = bank.mean(axis=0)
        self._offsets = half_norms(bank, self._centre)

    def nearest(
        self, queries: Vectors, *, k: int = 1, barred: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The `k` nearest bank vectors of each query, nearest first.

        Args:
            queries: Q x D.
            k: how many neighbours; at most as many as are not barred.
            barred: M, vectors to pass over.

        Returns:
            Squared distances (Q x k) and rows of the bank (Q x k).
        """
        offsets = self._offsets
        if barred is not None:
            offsets = np.where(barred, np.float32(-np.inf), offsets)
        rows = np.empty((len(queries), k), np.int64)
        for first in range(0, len(queries), QUERIES):
            block = slice(first, first + QUERIES)
            rows[block] = _nearest_rows(queries[block] - self._centre, self._bank, offsets, k)
        squared = np.empty(rows.shape, np.float32)
        for column in range(k):
            gap = queries - self._bank[rows[:, column]]
            squared[:, column] = np.einsum("qd,qd->q", gap, gap)
        return squared, rows


def half_norms(bank: Vectors, centre: Vectors) -> NDArray[np.float32]:
    """Minus half of each vector's squared length from a centre."""
    halves = np.empty(len(bank), np.float32)
    for first in range(0, len(bank), VECTORS):
        block = slice(first, first + VECTORS)
        centred = bank[block] - centre
        halves[block] = np.einsum("md,md->m", centred, centred) / -2
    return halves


def _nearest_rows(
    queries: Vectors, bank: Vectors, offsets: NDArray[np.float32], k: int
) -> NDArray[np.int64]:
    """Rows of the `k` nearest vectors by products, block by block of the bank."""
    closest = np.empty((len(queries), 0), np.float32)
    rows = np.empty((len(queries), 0), np.int64)
    for first in range(0, len(bank), VECTORS):
        closeness = queries @ bank[first : first + VECTORS].T
        closeness += offsets[first : first + VECTORS]
        columns = _largest(closeness, min(k, closeness.shape[1]))
        closest = np.hstack([closest, np.take_along_axis(closeness, columns, axis=1)])
        rows = np.hstack([rows, first + columns])
        best = _largest(closest, min(k, closest.shape[1]))
        closest = np.take_along_axis(closest, best, axis=1)
        rows = np.take_along_axis(rows, best, axis=1)
    return rows


def _largest(values: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Columns of the `k` largest values a row, largest first; in a tie the lower column first."""
    if k == 1:
        winners: NDArray[np.int64] = values.argmax(axis=1)
        return winners[:, None]
    if k < values.shape[1]:
        columns = np.sort(np.argpartition(-values, k - 1, axis=1)[:, :k], axis=1)
    else:
        columns = np.broadcast_to(np.arange(k), (len(values), k))
    order = np.argsort(-np.take_along_axis(values, columns, axis=1), axis=1, kind="stable")
    ordered: NDArray[np.int64] = np.take_along_axis(columns, order, axis=1)
    return ordered


def reweighting_of(patch: Vectors, row: int, bank: Vectors, companions: int) -> float:
    """The NumPy twin of `reweighting`, for one patch (D) whose nearest vector is `bank[row]`."""
    _, around = nearest(bank[row][None], bank, k=companions)
    gaps = np.linalg.norm(patch - bank[around[0]], axis=1)
    shares = np.exp(gaps - gaps.max())
    return float(1 - shares[0] / shares.sum())
