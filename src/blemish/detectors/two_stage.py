"""The exact nearest neighbour, found with a first pass in bytes.

All products of queries and bank are first taken between rounded vectors (see `rounded_bank`). How
far a rounded product can be from the true one is bounded, by Cauchy and Schwarz: with x = x' + e
and b = b' + f, what rounding left being e and f,

    x.b - x'.b' = x'.f + e.b, at most |x'| |f| + |e| |b|.

Only where the rounded product comes within that bound of the best is the distance measured in
float32. What is found is therefore what a search in float32 finds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.neighbours import half_norms, nearest
from blemish.detectors.rounded_bank import QUERY_LEVELS, ZERO, round_bank
from blemish.graph.builder import INT32, UINT8, GraphBuilder, tensor
from blemish.graph.session import Session

PRODUCTS = 2**21  # held at a time by a core
PAIRS = 512  # distances that are measured at a time
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
        self._rounded = round_bank(bank)
        self._session = _products_session(self._rounded.levels)

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
        r = self._rounded
        centred = queries - r.centre
        levels = np.rint(centred / r.query_step).clip(-QUERY_LEVELS, QUERY_LEVELS)
        products = self._products(levels)
        likely = products.argmax(axis=1)
        closeness = np.einsum("qd,qd->q", centred, self._bank[likely] - r.centre)
        least = closeness - r.halves[likely] - self._bound(centred, levels * r.query_step)
        least = np.floor(least / (r.query_step * r.bank_step)).astype(np.int32)
        owners, rows = np.divmod(np.flatnonzero(products >= least[:, None]), len(self._bank))
        squared = self._measure(queries, owners, rows)
        firsts = np.searchsorted(owners, np.arange(len(queries)))
        best = np.flatnonzero(squared == np.minimum.reduceat(squared, firsts)[owners])
        best = best[np.searchsorted(owners[best], np.arange(len(queries)))]
        return squared[best], rows[best]

    def _products(self, levels: Vectors) -> NDArray[np.int32]:
        """Closeness of all rounded vectors in steps of both, Q x M."""
        queries, width = levels.shape
        filled = np.full((queries, len(self._rounded.levels)), ZERO + QUERY_LEVELS, np.uint8)
        filled[:, :width] = levels + ZERO
        (products,) = self._session.run(None, levels=filled)
        result: NDArray[np.int32] = products
        return result

    def _bound(self, centred: Vectors, rounded: Vectors) -> NDArray[np.float32]:
        """How far closeness by rounded vectors can be from the true one, a query."""
        r = self._rounded
        bound: NDArray[np.float32] = np.linalg.norm(rounded, axis=1) * r.lost
        bound += np.linalg.norm(centred - rounded, axis=1) * r.longest
        bound += r.offset_step / 2
        bound += ROUNDING * (np.linalg.norm(centred, axis=1) + r.longest) * r.longest
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


def _products_session(bank: NDArray[np.int8]) -> Session:
    """A session that multiplies `levels` (Q x D) by a rounded bank (D x M)."""
    g = GraphBuilder()
    columns = g.constant(bank, np.int8)
    g.op("MatMulInteger", "levels", columns, g.constant(ZERO, np.uint8), name="products")
    inputs = [tensor("levels", UINT8, "Q", len(bank))]
    outputs = [tensor("products", INT32, "Q", bank.shape[1])]
    return Session(g.build(inputs, outputs).SerializeToString(), threads=1)
