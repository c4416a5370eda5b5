"""Exact nearest neighbours in a memory bank as nodes of a graph: what ships."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.graph.builder import FLOAT, GraphBuilder
from blemish.search.nearest_graph import GraphBank
from blemish.search.sketch import worth_sketching
from blemish.search.two_stage_graph import nearest_by_sketches


@dataclass(frozen=True)
class Neighbours:
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
) -> Neighbours:
    """Nearest neighbours: ranked by products, measured by differences.

    Args:
        g: where to add the nodes.
        patches: name of the queries, N x h x w x D.
        vectors: the bank, M x D.
        k: neighbours whose mean distance is a score.
        squared: leave distances squared.
        block: bank vectors searched at a time, which bounds the matrix of products.
    """
    bank = GraphBank(g, g.constant(vectors, name="bank"), vectors, block)
    queries = g.op("Reshape", patches, g.ints(-1, vectors.shape[1]))
    if k == 1 and worth_sketching(*vectors.shape):
        distances, rows = nearest_by_sketches(bank, queries)
    else:
        distances, rows = bank.nearest(queries, k=min(k, len(vectors)))
    if not squared:
        distances = g.op("Sqrt", distances)
    scores = g.op("ReduceMean", distances, g.ints(1), keepdims=0)
    first = g.op("Gather", rows, g.constant(0, np.int64), axis=1)
    grid = g.op("Slice", g.op("Shape", patches), g.ints(0), g.ints(3), g.ints(0))
    patch_scores = g.op("Reshape", scores, grid, name="patch_scores")
    return Neighbours(patch_scores, g.op("Reshape", first, grid), queries, bank.name)


def reweighting(
    g: GraphBuilder, found: Neighbours, companions: NDArray[np.int64], masked: str
) -> str:
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
