"""Exact nearest neighbours by all dimensions as nodes of a graph: the twin of `neighbours`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.graph.builder import GraphBuilder
from blemish.search.nearest import half_norms


@dataclass(frozen=True, eq=False)
class GraphBank:
    """A memory bank in a graph.

    Attributes:
        g: where nodes are added.
        name: of the bank there.
        vectors: what it holds, M x D.
        block: vectors searched at a time, which bounds the matrix of products.
    """

    g: GraphBuilder
    name: str
    vectors: NDArray[np.float32]
    block: int

    def nearest(self, queries: str, *, k: int) -> tuple[str, str]:
        """Squared distances and rows of the nearest, Q x k each: ranked by products.

        What ranks is q.b - |b|^2 / 2, with both from the bank's centre: one product of matrices,
        when the half squared lengths are one more column of the bank that meets a 1 in the query.
        """
        g = self.g
        centre = self.vectors.mean(axis=0)
        offsets = half_norms(self.vectors, centre)[:, None]
        origin = g.constant(centre)
        centred = g.op("Sub", queries, origin)
        first_column = g.op("Slice", centred, g.ints(0), g.ints(1), g.ints(1))
        extended = g.op("Concat", centred, ones_like(g, first_column), axis=1)
        values, rows = [], []
        for first in range(0, len(self.vectors), self.block):
            last = min(first + self.block, len(self.vectors))
            # Runtimes make the columns once, when they load the graph: all in them is constant.
            part = g.op("Slice", self.name, g.ints(first), g.ints(last), g.ints(0))
            part = g.op("Sub", part, origin)
            part = g.op("Concat", part, g.constant(offsets[first:last]), axis=1)
            closeness = g.op("MatMul", extended, g.op("Transpose", part, perm=[1, 0]))
            value, row = _top(g, closeness, min(k, last - first))
            values.append(value)
            rows.append(row if first == 0 else g.op("Add", row, g.constant(first, np.int64)))
        if len(rows) == 1:
            chosen = rows[0]
        else:
            _, place = _top(g, g.op("Concat", *values, axis=1), k)
            chosen = g.op("GatherElements", g.op("Concat", *rows, axis=1), place, axis=1)
        return self.measured(g.op("Unsqueeze", queries, g.ints(1)), chosen), chosen

    def measured(self, queries: str, rows: str) -> str:
        """Squared distances of queries to rows of the bank, from the differences themselves."""
        gaps = self.g.op("Sub", queries, self.g.op("Gather", self.name, rows, axis=0))
        return sum_of_squares(self.g, gaps)


def ones_like(g: GraphBuilder, column: str) -> str:
    """A 1 for each number."""
    return g.op("Add", g.op("Mul", column, g.number(0.0)), g.number(1.0))


def sum_of_squares(g: GraphBuilder, vectors: str) -> str:
    """Squared lengths of the vectors along the last axis, which goes.

    In two operators, since ONNX Runtime's one for both takes three times as long (1.32).
    """
    return g.op("ReduceSum", g.op("Mul", vectors, vectors), g.ints(-1), keepdims=0)


def _top(g: GraphBuilder, values: str, k: int) -> tuple[str, str]:
    """The `k` largest of each row, largest first, and their columns."""
    most, columns = g.ops("TopK", values, g.ints(k), outputs=g.fresh("top", 2), axis=1)
    return most, columns
