"""Exact nearest neighbours in a memory bank as nodes of a graph: what ships."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.search.nearest import GraphBank
from blemish.search.sketch import worth_sketching
from blemish.search.two_stage import nearest_by_sketches

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Neighbours:
    """What a search gives.

    Attributes:
        scores, nearest: names, N x h x w each; `nearest` are rows of the bank.
        queries: name, (N h w) x D.
        bank: that was searched.
    """

    scores: str
    nearest: str
    queries: str
    bank: GraphBank


def search(
    g: GraphBuilder,
    patches: str,
    vectors: NDArray[np.float32],
    *,
    k: int,
    squared: bool,
    block: int = 4096,
    barred: str | None = None,
    sketched: bool | None = None,
) -> Neighbours:
    """Nearest neighbours: ranked by products, measured by differences.

    Args:
        g: where to add the nodes.
        patches: name of the queries, N x h x w x D.
        vectors: the bank, M x D.
        k: neighbours whose mean distance is a score.
        squared: leave distances squared.
        block: bank vectors searched at a time, which bounds the matrix of products.
        barred: name of M numbers, minus infinity for vectors that are not to be found.
        sketched: whether sketches are compared first, which goes with `k` of 1 and nothing barred;
            by default where that is faster.
    """
    if sketched is None:
        sketched = k == 1 and barred is None and worth_sketching(*vectors.shape)
    bank = GraphBank(g, g.constant(vectors, name="bank"), vectors, block, barred)
    queries = g.op("Reshape", patches, g.ints(-1, vectors.shape[1]))
    if sketched:
        found, rows = nearest_by_sketches(bank, queries)
    else:
        found, rows = bank.nearest(queries, k=min(k, len(vectors)))
    first = g.op("Gather", rows, g.constant(0, np.int64), axis=1)
    grid = g.op("Slice", g.op("Shape", patches), g.ints(0), g.ints(3), g.ints(0))
    patch_scores = _as_scores(g, found, grid, squared=squared)
    return Neighbours(patch_scores, g.op("Reshape", first, grid), queries, bank)


def distances(
    g: GraphBuilder,
    patches: str,
    vectors: NDArray[np.float32],
    *,
    k: int,
    squared: bool,
    block: int,
) -> str:
    """The scores of a search, N x h x w, where nobody asks which vectors are the nearest.

    One neighbour in a bank that is not worth sketching is told by products alone, in half the time
    (`GraphBank.squared_distances`). Arguments are those of `search`.
    """
    if k > 1 or worth_sketching(*vectors.shape):
        return search(g, patches, vectors, k=k, squared=squared, block=block).scores
    bank = GraphBank(g, g.constant(vectors, name="bank"), vectors, block)
    found = bank.squared_distances(g.op("Reshape", patches, g.ints(-1, vectors.shape[1])))
    grid = g.op("Slice", g.op("Shape", patches), g.ints(0), g.ints(3), g.ints(0))
    return _as_scores(g, found, grid, squared=squared)


def _as_scores(g: GraphBuilder, found: str, grid: str, *, squared: bool) -> str:
    """`patch_scores` on a grid, from squared distances, Q x k."""
    if not squared:
        found = g.op("Sqrt", found)
    scores = g.op("ReduceMean", found, g.ints(1), keepdims=0)
    return g.op("Reshape", scores, grid, name="patch_scores")


def search_alone(vectors: NDArray[np.float32], *, sketched: bool | None = None) -> onnx.ModelProto:
    """A graph of nothing but the search, from `patches` (N x h x w x D) to `distances`."""
    g = GraphBuilder()
    found = search(g, "patches", vectors, k=1, squared=False, sketched=sketched)
    g.op("Identity", found.scores, name="distances")
    return g.build(
        [tensor("patches", FLOAT, "N", "h", "w", vectors.shape[1])],
        [tensor("distances", FLOAT, "N", "h", "w")],
    )


def reweighting(g: GraphBuilder, found: Neighbours, masked: str, *, companions: int) -> str:
    """The paper's Eq. 7: how far the worst patch's neighbour stands out among its own neighbours.

    One minus the softmax weight of that neighbour m* among the bank vectors nearest to m*, itself
    first, the distances being those of the worst patch; shape N.

    Args:
        g: where to add the nodes.
        found: by the search.
        masked: name of the patch scores, N x (h w), those of padding out of the way.
        companions: how many vectors m* is weighed among, itself included.
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
    patch = g.op("Gather", found.queries, position, axis=0)
    neighbour = g.op("Squeeze", found.bank.closest(patch, k=1), g.ints(1))
    vector = g.op("Gather", found.bank.name, neighbour, axis=0)
    rows = found.bank.closest(vector, k=companions)
    around = g.op("Gather", found.bank.name, rows, axis=0)
    gaps = g.op("Sub", g.op("Unsqueeze", patch, g.ints(1)), around)
    gaps = g.op("ReduceL2", gaps, g.ints(2), keepdims=0)
    share = g.op("Gather", g.op("Softmax", gaps, axis=1), g.constant(0, np.int64), axis=1)
    return g.op("Sub", g.number(1.0), share)
