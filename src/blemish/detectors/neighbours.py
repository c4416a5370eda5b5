"""Exact nearest neighbours in a memory bank, twice: in NumPy, and as nodes of a graph.

Both rank by matrix products and take the distances of the winners from the differences themselves,
so that small distances between long vectors keep their digits. The graph is what ships; fitting
uses NumPy to score training pictures as if they had been left out. Tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.rounded_bank import QUERY_LEVELS, ZERO, round_bank
from blemish.graph.builder import FLOAT, GraphBuilder

BLOCK_BYTES = 32 * 2**20  # of products held at a time

Vectors = NDArray[np.float32]


def half_norms(bank: Vectors) -> NDArray[np.float32]:
    """Minus half of each squared length: `x.b - |b|^2 / 2` is largest for the nearest vector b."""
    norms: NDArray[np.float32] = np.einsum("md,md->m", bank, bank)
    return norms * np.float32(-0.5)


def nearest(
    queries: Vectors, bank: Vectors, *, k: int = 1, offsets: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The `k` nearest bank vectors of each query, nearest first.

    The products only rank; the distances of the winners are taken from the differences themselves,
    so that small distances between long vectors keep their digits.

    Args:
        queries: Q x D.
        bank: M x D.
        k: how many neighbours; at most M.
        offsets: `half_norms(bank)` where the caller has them already.

    Returns:
        Squared distances (Q x k) and rows of the bank (Q x k).
    """
    offsets = half_norms(bank) if offsets is None else offsets
    rows = np.empty((len(queries), k), np.int64)
    step = max(1, BLOCK_BYTES // (4 * len(bank)))
    for first in range(0, len(queries), step):
        closeness = queries[first : first + step] @ bank.T
        closeness += offsets
        rows[first : first + step] = _largest(closeness, k)
    squared = np.empty(rows.shape, np.float32)
    for column in range(k):
        gap = queries - bank[rows[:, column]]
        squared[:, column] = np.einsum("qd,qd->q", gap, gap)
    return squared, rows


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


def standing_out_of(patch: Vectors, row: int, bank: Vectors, companions: int) -> float:
    """The NumPy twin of `standing_out`, for one patch (D) whose nearest vector is `bank[row]`."""
    _, around = nearest(bank[row][None], bank, k=companions)
    gaps = np.linalg.norm(patch - bank[around[0]], axis=1)
    shares = np.exp(gaps - gaps.max())
    return float(1 - shares[0] / shares.sum())


# --- the same as nodes of a graph ----------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """Names of what the search gives: N x h x w each, the queries (N h w) x D, and the bank."""

    scores: str
    nearest: str
    queries: str
    bank: str


def search(
    g: GraphBuilder,
    patches: str,
    vectors: NDArray[np.float32],
    *,
    k: int,
    squared: bool,
    block: int = 4096,
    measured: int | None = None,
) -> Found:
    """Nearest neighbours: ranked by products, measured by differences.

    Args:
        g: where to add the nodes.
        patches: name of the queries, N x h x w x D.
        vectors: the bank, M x D.
        k: neighbours whose mean distance is a score.
        squared: leave distances squared.
        block: bank vectors searched at a time, which bounds the matrix of products.
        measured: rank by products of bytes, and measure the distances of so many (at least `k`):
            three times as fast, and nearly always the nearest. By default products are of floats
            and the search is exact.
    """
    bank = g.constant(vectors, name="bank")
    queries = g.op("Reshape", patches, g.ints(-1, vectors.shape[1]))
    k = min(k, len(vectors))
    if measured is None:
        rows = _nearest_rows(g, queries, bank, vectors, k=k, block=block)
        distances = _measure(g, queries, bank, rows)
    else:
        likely = _likely_rows(
            g, queries, vectors, k=min(max(measured, k), len(vectors)), block=block
        )
        every = _measure(g, queries, bank, likely)
        distances, order = g.ops(
            "TopK", every, g.ints(k), outputs=g.fresh("nearest", 2), axis=1, largest=0
        )
        rows = g.op("GatherElements", likely, order, axis=1)
    if not squared:
        distances = g.op("Sqrt", distances)
    scores = g.op("ReduceMean", distances, g.ints(1), keepdims=0)
    first = g.op("Gather", rows, g.constant(0, np.int64), axis=1)
    grid = g.op("Slice", g.op("Shape", patches), g.ints(0), g.ints(3), g.ints(0))
    patch_scores = g.op("Reshape", scores, grid, name="patch_scores")
    return Found(patch_scores, g.op("Reshape", first, grid), queries, bank)


def _measure(g: GraphBuilder, queries: str, bank: str, rows: str) -> str:
    """Squared distances of queries to some rows of the bank each, Q x k."""
    gaps = g.op("Sub", g.op("Unsqueeze", queries, g.ints(1)), g.op("Gather", bank, rows, axis=0))
    return g.op("ReduceSumSquare", gaps, g.ints(2), keepdims=0)


def _nearest_rows(
    g: GraphBuilder,
    queries: str,
    bank: str,
    vectors: NDArray[np.float32],
    *,
    k: int,
    block: int,
) -> str:
    """Rows of the `k` nearest bank vectors, nearest first: Q x k, int64."""
    offsets = half_norms(vectors)

    def closeness(first: int, last: int) -> str:
        whole = last - first == len(vectors)
        part = bank if whole else g.op("Slice", bank, g.ints(first), g.ints(last), g.ints(0))
        return g.op("Gemm", queries, part, g.constant(offsets[first:last]), transB=1)

    return _closest(g, closeness, len(vectors), k=k, block=block)


def _likely_rows(
    g: GraphBuilder, queries: str, vectors: NDArray[np.float32], *, k: int, block: int
) -> str:
    """Rows of the `k` bank vectors that are nearest by products of bytes: Q x k, int64."""
    rounded = round_bank(vectors)
    zero = g.constant(ZERO, np.uint8)
    centred = g.op("Sub", queries, g.constant(rounded.centre))
    levels = g.op("QuantizeLinear", centred, g.number(float(rounded.query_step)), zero)
    largest = g.constant(ZERO + QUERY_LEVELS, np.uint8)
    levels = g.op("Pad", levels, g.ints(0, 0, 0, rounded.offset_columns), largest)

    def closeness(first: int, last: int) -> str:
        part = g.constant(rounded.levels[:, first:last], np.int8)
        return g.op("MatMulInteger", levels, part, zero)

    return _closest(g, closeness, len(vectors), k=k, block=block)


def _closest(
    g: GraphBuilder, closeness: Callable[[int, int], str], count: int, *, k: int, block: int
) -> str:
    """Columns of the `k` largest values of a matrix that is made block by block of its columns."""
    values, rows = [], []
    for first in range(0, count, block):
        last = min(first + block, count)
        value, row = g.ops(
            "TopK",
            closeness(first, last),
            g.ints(min(k, last - first)),
            outputs=g.fresh("near", 2),
            axis=1,
        )
        values.append(value)
        rows.append(row if first == 0 else g.op("Add", row, g.constant(first, np.int64)))
    if len(rows) == 1:
        return rows[0]
    _, best = g.ops(
        "TopK", g.op("Concat", *values, axis=1), g.ints(k), outputs=g.fresh("best", 2), axis=1
    )
    return g.op("GatherElements", g.op("Concat", *rows, axis=1), best, axis=1)


def standing_out(g: GraphBuilder, found: Found, companions: NDArray[np.int64], masked: str) -> str:
    """The paper's Eq. 7: how far the worst patch's neighbour stands out among its own neighbours.

    One minus the softmax weight of that neighbour m* among the bank vectors nearest to m*, the
    distances being those of the worst patch; shape N.
    """
    peak = g.op("ReduceMax", masked, g.ints(1), keepdims=1)
    flat_scores = g.op("Flatten", found.scores, axis=1)
    worst = g.op("ArgMax", g.op("Cast", g.op("Equal", flat_scores, peak), to=FLOAT), axis=1)
    cells = g.op("Slice", g.op("Shape", flat_scores), g.ints(1), g.ints(2), g.ints(0))
    count = g.op("Squeeze", g.op("Slice", g.op("Shape", flat_scores), g.ints(0), g.ints(1)))
    first_cells = g.op(
        "Mul", g.op("Range", g.constant(0, np.int64), count, g.constant(1, np.int64)), cells
    )
    position = g.op("Add", g.op("Squeeze", worst, g.ints(1)), first_cells)
    patch = g.op("Unsqueeze", g.op("Gather", found.queries, position, axis=0), g.ints(1))
    neighbour = g.op("Gather", g.op("Reshape", found.nearest, g.ints(-1)), position, axis=0)
    table = g.constant(companions, np.int64, name="companions")
    around = g.op("Gather", found.bank, g.op("Gather", table, neighbour, axis=0), axis=0)
    gaps = g.op("ReduceL2", g.op("Sub", patch, around), g.ints(2), keepdims=0)
    share = g.op("Gather", g.op("Softmax", gaps, axis=1), g.constant(0, np.int64), axis=1)
    return g.op("Sub", g.number(1.0), share)
