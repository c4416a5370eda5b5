"""Exact nearest neighbours in a memory bank as nodes of a graph: what ships.

Where the bank is worth it, few dimensions choose and all of them measure (see `sketched_bank`). Of
each query's closest sketches those that may be nearer than the best are measured; the rare query
whose neighbour could be still another vector is compared with all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.neighbours import half_norms
from blemish.detectors.sketched_bank import (
    GROUP,
    LOST,
    NEXT_TO_NOTHING,
    ROUNDING,
    SketchedBank,
    sketch_bank,
    worth_sketching,
)
from blemish.graph.builder import FLOAT, GraphBuilder

FEWEST_MEASURED, VECTORS_A_MEASURED = 8, 2048  # of a query's sketches; vectors for one more
SPARE = 2  # of each block, where there are several


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
) -> Found:
    """Nearest neighbours: ranked by products, measured by differences.

    Args:
        g: where to add the nodes.
        patches: name of the queries, N x h x w x D.
        vectors: the bank, M x D.
        k: neighbours whose mean distance is a score.
        squared: leave distances squared.
        block: bank vectors searched at a time, which bounds the matrix of products.
    """
    bank = _Bank(g, g.constant(vectors, name="bank"), vectors, min(k, len(vectors)), block)
    queries = g.op("Reshape", patches, g.ints(-1, vectors.shape[1]))
    if worth_sketching(*vectors.shape):
        distances, rows = _by_sketches(bank, queries)
    else:
        distances, rows = _by_all(bank, queries)
    if not squared:
        distances = g.op("Sqrt", distances)
    scores = g.op("ReduceMean", distances, g.ints(1), keepdims=0)
    first = g.op("Gather", rows, g.constant(0, np.int64), axis=1)
    grid = g.op("Slice", g.op("Shape", patches), g.ints(0), g.ints(3), g.ints(0))
    patch_scores = g.op("Reshape", scores, grid, name="patch_scores")
    return Found(patch_scores, g.op("Reshape", first, grid), queries, bank.name)


@dataclass(frozen=True, eq=False)
class _Bank:
    """A bank in a graph, and how it is searched."""

    g: GraphBuilder
    name: str
    vectors: NDArray[np.float32]
    k: int
    block: int


def _by_all(bank: _Bank, queries: str) -> tuple[str, str]:
    """Squared distances and rows of the nearest by all dimensions: Q x k each."""
    g, vectors = bank.g, bank.vectors
    offsets = half_norms(vectors)[:, None]
    first_column = g.op("Slice", queries, g.ints(0), g.ints(1), g.ints(1))
    asked = g.op("Concat", queries, _ones_like(g, first_column), axis=1)

    def closeness(first: int, last: int) -> str:
        """Runtimes make the columns once, when they load the graph: all in them is constant."""
        part = g.op("Slice", bank.name, g.ints(first), g.ints(last), g.ints(0))
        part = g.op("Concat", part, g.constant(offsets[first:last]), axis=1)
        return g.op("MatMul", asked, g.op("Transpose", part, perm=[1, 0]))

    rows = _closest(g, closeness, len(vectors), k=bank.k, block=bank.block)
    return _measured(g, g.op("Unsqueeze", queries, g.ints(1)), bank.name, rows), rows


def _by_sketches(bank: _Bank, queries: str) -> tuple[str, str]:
    """The same, by few dimensions first."""
    g, k = bank.g, bank.k
    sketched = sketch_bank(bank.vectors)
    sketches, floors = _sketch(g, queries, sketched)

    def closeness(first: int, last: int) -> str:
        return g.op("MatMul", sketches, g.constant(sketched.columns[:, first:last]))

    def bound(closest: str) -> str:
        """Squared distances that vectors are at least away."""
        return g.op("Sub", floors, g.op("Mul", closest, g.number(2.0)))

    near, rows, edge = _shortlist(bank, closeness, sketched.columns.shape[1])
    best = g.op("Slice", rows, g.ints(0), g.ints(k), g.ints(1))
    measured = _measured(g, g.op("Unsqueeze", queries, g.ints(1)), bank.name, best)
    limit = g.op("ReduceMax", measured, g.ints(1), keepdims=1)
    others = [g.op("Slice", x, g.ints(k), g.ints(2**40), g.ints(1)) for x in (bound(near), rows)]
    every = g.op("Concat", measured, _measured_within(bank, queries, others, limit), axis=1)
    distances, order = g.ops(
        "TopK", every, g.ints(k), outputs=g.fresh("nearest", 2), axis=1, largest=0
    )
    rows = g.op("GatherElements", rows, order, axis=1)
    doubtful = g.op("NonZero", g.op("Not", g.op("Greater", bound(edge), limit)))
    doubtful = g.op("Gather", doubtful, g.constant(0, np.int64), axis=0)
    by_all = _by_all(bank, g.op("Gather", queries, doubtful, axis=0))
    by_sketches = [g.op("Gather", found, doubtful, axis=0) for found in (distances, rows)]
    far, near = (g.op("ReduceSum", d, g.ints(1)) for d in (by_sketches[0], by_all[0]))
    nearer = g.op("Less", near, far)  # products of floats may miss what was found already
    where = g.op("Unsqueeze", doubtful, g.ints(1))
    distances, rows = (
        g.op("ScatterND", found, where, g.op("Where", nearer, new, old))
        for found, new, old in zip((distances, rows), by_all, by_sketches, strict=True)
    )
    return distances, rows


def _shortlist(
    bank: _Bank, closeness: Callable[[int, int], str], count: int
) -> tuple[str, str, str]:
    """The closest columns of every block, closest first; and the closest that others may be."""
    g = bank.g
    blocks = [(first, min(first + bank.block, count)) for first in range(0, count, bank.block)]
    wanted = bank.k - 1 + FEWEST_MEASURED + len(bank.vectors) // VECTORS_A_MEASURED
    of_each = max(-(-wanted // len(blocks)) + (SPARE if len(blocks) > 1 else 0), bank.k)
    counts = [min(of_each, last - first) for first, last in blocks]
    values, rows, edges = [], [], []
    for (first, last), most in zip(blocks, counts, strict=True):
        value, row = _largest(g, closeness(first, last), last - first, most)
        values.append(value)
        rows.append(row if first == 0 else g.op("Add", row, g.constant(first, np.int64)))
        edges.append(g.op("Slice", value, g.ints(-1), g.ints(most), g.ints(1)))
    if len(blocks) == 1:
        return values[0], rows[0], edges[0]
    all_rows = g.op("Concat", *rows, axis=1)
    near, place = _top(g, g.op("Concat", *values, axis=1), sum(counts))
    return near, g.op("GatherElements", all_rows, place, axis=1), g.op("Max", *edges)


def _sketch(g: GraphBuilder, queries: str, bank: SketchedBank) -> tuple[str, str]:
    """The twin of `SketchedBank.sketch`: sketches, Q x d + 2, and floors, Q x 1."""

    def squares(name: str) -> str:
        return g.op("ReduceSumSquare", name, g.ints(1), keepdims=1)

    centred = g.op("Sub", queries, g.constant(bank.centre))
    along = g.op("MatMul", centred, g.constant(bank.basis))
    total = squares(centred)
    off = g.op("Sqrt", g.op("Relu", g.op("Sub", total, squares(along))))
    unsure_sq = g.op("Mul", total, g.number(LOST))
    least = g.op("Max", off, g.op("Sqrt", unsure_sq), g.number(NEXT_TO_NOTHING))
    reach = g.op("Add", g.op("Sqrt", total), g.number(bank.longest))
    slack = g.op("Mul", g.op("Mul", reach, reach), g.number(ROUNDING))
    blur = g.op("Mul", g.op("Div", unsure_sq, least), g.number(2 * bank.farthest_off))
    sketches = g.op("Concat", along, off, _ones_like(g, off), axis=1)
    return sketches, g.op("Sub", total, g.op("Add", slack, blur))


def _ones_like(g: GraphBuilder, column: str) -> str:
    return g.op("Add", g.op("Mul", column, g.number(0.0)), g.number(1.0))


def _measured_within(bank: _Bank, queries: str, others: Sequence[str], limit: str) -> str:
    """Squared distances to the rows whose bound does not exceed the limit; infinite to others."""
    g = bank.g
    bounds, rows = others
    likely = g.op("Not", g.op("Greater", bounds, limit))
    pairs = g.op("Transpose", g.op("NonZero", likely), perm=[1, 0])
    owners = g.op("Gather", pairs, g.constant(0, np.int64), axis=1)
    asked = g.op("Gather", queries, owners, axis=0)
    distances = _measured(g, asked, bank.name, g.op("GatherND", rows, pairs))
    unknown = g.op("Where", likely, g.number(np.inf), g.number(np.inf))
    return g.op("ScatterND", unknown, pairs, distances)


def _measured(g: GraphBuilder, queries: str, bank: str, rows: str) -> str:
    """Squared distances of queries to rows of the bank, from the differences themselves."""
    gaps = g.op("Sub", queries, g.op("Gather", bank, rows, axis=0))
    return g.op("ReduceSumSquare", gaps, g.ints(-1), keepdims=0)


def _closest(
    g: GraphBuilder, closeness: Callable[[int, int], str], count: int, *, k: int, block: int
) -> str:
    """Columns of the `k` largest values of a matrix that is made block by block of its columns."""
    values, columns = [], []
    for first in range(0, count, block):
        last = min(first + block, count)
        value, column = _top(g, closeness(first, last), min(k, last - first))
        values.append(value)
        columns.append(column if first == 0 else g.op("Add", column, g.constant(first, np.int64)))
    if len(columns) == 1:
        return columns[0]
    _, place = _top(g, g.op("Concat", *values, axis=1), k)
    return g.op("GatherElements", g.op("Concat", *columns, axis=1), place, axis=1)


def _largest(g: GraphBuilder, values: str, count: int, k: int) -> tuple[str, str]:
    """The `k` largest of each row of `count` columns, and where they are.

    Of whole groups of columns the largest is taken first; the `k` largest of all are in the `k`
    groups with the largest such.
    """
    if count % GROUP or count < 2 * k * GROUP:
        return _top(g, values, k)
    groups = count // GROUP
    grouped = g.op("Reshape", values, g.ints(-1, GROUP, groups))
    _, chosen = _top(g, g.op("ReduceMax", grouped, g.ints(1), keepdims=0), k)
    all_chosen = g.op("Expand", g.op("Unsqueeze", chosen, g.ints(1)), g.ints(1, GROUP, 1))
    inside = g.op("GatherElements", grouped, all_chosen, axis=2)
    most, place = _top(g, g.op("Reshape", inside, g.ints(-1, GROUP * k)), k)
    width = g.constant(k, np.int64)
    group = g.op("GatherElements", chosen, g.op("Mod", place, width), axis=1)
    before = g.op("Mul", g.op("Div", place, width), g.constant(groups, np.int64))
    return most, g.op("Add", before, group)


def _top(g: GraphBuilder, values: str, k: int) -> tuple[str, str]:
    """The `k` largest of each row, largest first, and their columns."""
    most, columns = g.ops("TopK", values, g.ints(k), outputs=g.fresh("top", 2), axis=1)
    return most, columns


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
