"""The exact nearest neighbour, found with a first pass in whole numbers of 8 and 7 bits.

Processors multiply bytes three to four times as fast as floats. So all products of queries and bank
are first taken between rounded vectors; how far a rounded product can be from the true one is
bounded (Cauchy and Schwarz); and only where the rounded one comes within that bound of the best is
the distance measured in float32. What is found is therefore what a search in float32 finds.

With x = x' + e and b = b' + f (rounded vectors and what rounding left):
x.b = x'.b' + x'.f + e.b, so that |x.b - x'.b'| <= |x'| |f| + |e| |b|.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.neighbours import half_norms, nearest
from blemish.graph.builder import INT32, UINT8, GraphBuilder, tensor
from blemish.graph.session import Session

QUERY_LEVELS = 127  # either side of 128, in a byte
BANK_LEVELS = 63  # either side of 0: older processors add two products of bytes in 16 bits
TAILS = 1e-4  # share of coordinates that may be cut off in queries, for finer steps
PRODUCTS = 2**21  # held at a time by a core
PAIRS = 512  # distances that are measured at a time
SAMPLED = 512  # bank vectors that the size of a level is found from
ROUNDING = np.float32(1e-5)  # of a product of lengths: more than float32 can go wrong by
WORTH_BANK = 2**20  # numbers in a bank, and queries, from which two stages pay for their making
WORTH_QUERIES = 4096

Vectors = NDArray[np.float32]
Searcher = Callable[[Vectors], tuple[NDArray[np.float32], NDArray[np.int64]]]


def searcher(bank: Vectors, *, k: int, queries: int) -> Searcher:
    """The fastest exact search of a bank, for many threads at once.

    Args:
        bank: M x D, float32.
        k: how many neighbours; no more than M come back.
        queries: how many vectors will be looked for, about.

    Returns:
        A function from queries (Q x D) to squared distances and rows of the bank (Q x k each),
        nearest first.
    """
    if k == 1 and bank.size >= WORTH_BANK and queries >= WORTH_QUERIES:
        return TwoStageSearch(bank).nearest
    return partial(nearest, bank=bank, k=min(k, len(bank)), offsets=half_norms(bank))


class TwoStageSearch:
    """A bank made ready for exact searches.

    Args:
        bank: M x D, float32.
    """

    def __init__(self, bank: Vectors) -> None:
        self._bank = bank
        self._centre = bank.mean(axis=0)
        centred = bank - self._centre
        lengths = np.linalg.norm(centred, axis=1)
        halves = lengths**2 / 2  # x.b - |b|^2 / 2 is largest for the nearest b
        self._halves = halves - (halves.max() + halves.min()) / 2
        sample = centred[:: -(-len(bank) // SAMPLED)]
        self._bank_step = _step(max(centred.max(), -centred.min()), BANK_LEVELS)
        self._query_step = _step(np.quantile(np.abs(sample), 1 - TAILS), QUERY_LEVELS)
        self._longest = lengths.max()
        offsets = self._offset_columns()
        levels = np.empty((bank.shape[1] + offsets.shape[1], len(bank)), np.int8)
        levels[bank.shape[1] :] = offsets.T
        self._lost = np.float32(0)
        for first in range(0, len(bank), PAIRS):
            rows = slice(first, first + PAIRS)
            rounded = np.rint(centred[rows] / self._bank_step)
            levels[: bank.shape[1], rows] = rounded.T
            lost = np.linalg.norm(centred[rows] - rounded * self._bank_step, axis=1)
            self._lost = max(self._lost, lost.max())
        self._offset_width = offsets.shape[1]
        self._session = _products_session(levels)

    def nearest(self, queries: Vectors) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The nearest bank vector of each query, found on one core; for many threads at once.

        Args:
            queries: Q x D.

        Returns:
            Squared distances (Q x 1) and rows of the bank (Q x 1), the lower row in a tie.
        """
        squared = np.empty((len(queries), 1), np.float32)
        rows = np.empty((len(queries), 1), np.int64)
        step = max(1, PRODUCTS // len(self._bank))
        for first in range(0, len(queries), step):
            block = slice(first, first + step)
            squared[block, 0], rows[block, 0] = self._search(queries[block])
        return squared, rows

    def _search(self, queries: Vectors) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        centred = queries - self._centre
        rounded = np.rint(centred / self._query_step).clip(-QUERY_LEVELS, QUERY_LEVELS)
        products = self._products(rounded)
        likely = products.argmax(axis=1)
        closeness = np.einsum("qd,qd->q", centred, self._bank[likely] - self._centre)
        least = closeness - self._halves[likely] - self._bound(centred, rounded)
        least = np.floor(least / (self._query_step * self._bank_step)).astype(np.int32)
        owners, rows = np.divmod(np.flatnonzero(products >= least[:, None]), len(self._bank))
        squared = self._measure(queries, owners, rows)
        firsts = np.searchsorted(owners, np.arange(len(queries)))
        best = np.flatnonzero(squared == np.minimum.reduceat(squared, firsts)[owners])
        best = best[np.searchsorted(owners[best], np.arange(len(queries)))]
        return squared[best], rows[best]

    def _products(self, rounded: Vectors) -> NDArray[np.int32]:
        """Closeness of all rounded vectors in steps of both, Q x M."""
        width = rounded.shape[1]
        levels = np.full((len(rounded), width + self._offset_width), 128 + QUERY_LEVELS, np.uint8)
        levels[:, :width] = rounded + 128
        (products,) = self._session.run(None, levels=levels)
        result: NDArray[np.int32] = products
        return result

    def _offset_columns(self) -> Vectors:
        """Minus half of each squared length as columns that meet the largest level of a query."""
        unit = QUERY_LEVELS * self._query_step * self._bank_step
        total = np.rint(-self._halves / unit)
        count = int(np.ceil(np.abs(total).max() / BANK_LEVELS))
        filled = np.arange(count) * BANK_LEVELS
        parts: Vectors = (np.abs(total)[:, None] - filled).clip(0, BANK_LEVELS)
        parts *= np.sign(total)[:, None]
        return parts

    def _bound(self, centred: Vectors, rounded: Vectors) -> NDArray[np.float32]:
        """How far closeness by rounded vectors can be from the true one, a query."""
        used = rounded * self._query_step
        bound: NDArray[np.float32] = np.linalg.norm(used, axis=1) * self._lost
        bound += np.linalg.norm(centred - used, axis=1) * self._longest
        bound += QUERY_LEVELS * self._query_step * self._bank_step / 2  # of the offsets
        lengths = np.linalg.norm(centred, axis=1) + self._longest
        bound += ROUNDING * lengths * self._longest
        return bound

    def _measure(
        self, queries: Vectors, owners: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Squared distances of pairs, from the differences themselves."""
        squared = np.empty(len(rows), np.float32)
        for first in range(0, len(rows), PAIRS):
            pairs = slice(first, first + PAIRS)
            gaps = queries[owners[pairs]] - self._bank[rows[pairs]]
            squared[pairs] = np.einsum("pd,pd->p", gaps, gaps)
        return squared


def _step(largest: np.float32, levels: int) -> np.float32:
    """Size of a level; anything will do where all vectors are one."""
    return np.float32(largest / levels) if largest > 0 else np.float32(1)


def _products_session(bank: NDArray[np.int8]) -> Session:
    """A session that multiplies `levels` (Q x D, 128 being zero) by a rounded bank (D x M)."""
    g = GraphBuilder()
    columns = g.constant(bank, np.int8)
    g.op("MatMulInteger", "levels", columns, g.constant(128, np.uint8), name="products")
    inputs = [tensor("levels", UINT8, "Q", len(bank))]
    outputs = [tensor("products", INT32, "Q", bank.shape[1])]
    return Session(g.build(inputs, outputs).SerializeToString(), threads=1)
