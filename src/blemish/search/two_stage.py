"""The exact nearest neighbour, found with a first pass in few dimensions.

The first pass compares sketches (see `sketched_bank`), by which no vector looks farther than it is.
Only those that look nearer than the best is are measured, in all dimensions. What is found is
therefore what a search through all of them finds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from blemish.search.nearest import ProductSearch
from blemish.search.sketch import GROUP, sketch_bank, worth_sketching
from blemish.search.vectors import Vectors

PRODUCTS, FEWEST_QUERIES = 2**22, 32  # held at a time by a core; queries, however large a bank
PAIRS = 512  # distances that are measured at a time
CROWDED = 256  # groups that may hold the nearest, beyond which a query is compared with all
WORTH_QUERIES = 8192  # for which two stages pay for the sketching

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
    if k == 1 and queries >= WORTH_QUERIES and worth_sketching(*bank.shape):
        return TwoStageSearch(bank).nearest
    return partial(ProductSearch(bank).nearest, k=min(k, len(bank)))


def nearest_of_others(
    queries: Vectors,
    *,
    own: NDArray[np.bool_],
    search: Searcher,
    by_products: ProductSearch,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The nearest bank vectors that are not the queries' own.

    The whole bank is searched, and once more for the few queries that find one of their own.

    Args:
        queries: Q x D.
        own: M, true for the vectors to leave out.
        search: of the whole bank, by `searcher`.
        by_products: of the same bank.

    Returns:
        Squared distances and rows of the bank without its own, as `search` gives them.
    """
    others = np.count_nonzero(~own)
    squared, rows = search(queries)
    k = min(rows.shape[1], others)
    again = np.flatnonzero(own[rows].any(axis=1))
    squared, rows = squared[:, :k], rows[:, :k]
    squared[again], rows[again] = by_products.nearest(queries[again], k=k, barred=own)
    return squared, (np.cumsum(~own) - 1)[rows]


class TwoStageSearch:
    """A bank made ready for exact searches.

    Args:
        bank: M x D, float32.
    """

    def __init__(self, bank: Vectors) -> None:
        self._bank = bank
        self._by_products = ProductSearch(bank)
        self._sketched = sketch_bank(bank)

    def nearest(self, queries: Vectors) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The nearest bank vector of each query, found on one core; for many threads at once.

        Args:
            queries: Q x D.

        Returns:
            Squared distances (Q x 1) and rows of the bank (Q x 1), the lower row in a tie.
        """
        squared = np.empty((len(queries), 1), np.float32)
        rows = np.empty((len(queries), 1), np.int64)
        crowded = np.empty(len(queries), np.bool_)
        step = max(FEWEST_QUERIES, PRODUCTS // len(self._bank))
        for first in range(0, len(queries), step):
            block = slice(first, first + step)
            squared[block], rows[block], crowded[block] = self._search(queries[block])
        by_all, rows_by_all = self._by_products.nearest(queries[crowded])
        nearer = by_all < squared[crowded]  # products of floats may miss what was found already
        squared[crowded] = np.where(nearer, by_all, squared[crowded])
        rows[crowded] = np.where(nearer, rows_by_all, rows[crowded])
        return squared, rows

    def _search(
        self, queries: Vectors
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
        """Distances and rows, and which queries have too many vectors near for that to be all."""
        every = np.arange(len(queries))
        sketches, floors = self._sketched.sketch(queries)
        closeness = (sketches @ self._sketched.columns).reshape(len(queries), GROUP, -1)
        closest = closeness.max(axis=1)
        group = closest.argmax(axis=1)
        place = closeness[every, :, group].argmax(axis=1)
        likely = self._rows(group + closest.shape[1] * place)
        least = (floors - self._measure(queries, every, likely)) / 2
        crowded = np.count_nonzero(closest >= least[:, None], axis=1) > CROWDED
        least[crowded] = closest.max(axis=1)[crowded]
        owners, groups = np.divmod(np.flatnonzero(closest >= least[:, None]), closest.shape[1])
        pairs, place = np.nonzero(closeness[owners, :, groups] >= least[owners, None])
        rows = self._rows(groups[pairs] + closest.shape[1] * place)
        owners = owners[pairs]
        squared = self._measure(queries, owners, rows)
        order = np.lexsort((rows, squared, owners))
        chosen = order[np.searchsorted(owners[order], every)]
        return squared[chosen, None], rows[chosen, None], crowded

    def _rows(self, columns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the bank: what fills the last group are copies of the last vector."""
        rows: NDArray[np.int64] = np.minimum(columns, len(self._bank) - 1)
        return rows

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
