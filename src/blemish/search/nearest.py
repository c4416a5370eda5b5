"""Exact nearest neighbours by all dimensions as nodes of a graph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from blemish.graph.builder import GraphBuilder
from blemish.search.vectors import Vectors

VECTORS = 8192  # whose squared lengths are summed at a time


@dataclass(frozen=True, eq=False)
class GraphBank:
    """A memory bank in a graph.

    Attributes:
        g: where nodes are added.
        name: of the bank there.
        vectors: what it holds, M x D.
        block: vectors searched at a time, which bounds the matrix of products.
        barred: name of M numbers, minus infinity for vectors that are never found, 0 for others.
    """

    g: GraphBuilder
    name: str
    vectors: NDArray[np.float32]
    block: int
    barred: str | None = None

    def nearest(self, queries: str, *, k: int) -> tuple[str, str]:
        """Squared distances and rows of the nearest, Q x k each: ranked by products.

        What ranks is q.b - |b|^2 / 2, with both from the bank's centre: one product of matrices,
        when the half squared lengths are one more column of the bank that meets a 1 in the query.
        """
        g, values, rows = self.g, [], []
        extended = self._extended(g.op("Sub", queries, self._centre))
        for first, columns in self._blocks:
            last = min(first + self.block, len(self.vectors))
            closeness = g.op("MatMul", extended, columns)
            if self.barred:
                barred = g.op("Slice", self.barred, g.ints(first), g.ints(last), g.ints(0))
                closeness = g.op("Add", closeness, barred)
            value, row = _top(g, closeness, min(k, last - first))
            values.append(value)
            rows.append(row if first == 0 else g.op("Add", row, g.constant(first, np.int64)))
        if len(rows) == 1:
            chosen = rows[0]
        else:
            _, place = _top(g, g.op("Concat", *values, axis=1), k)
            chosen = g.op("GatherElements", g.op("Concat", *rows, axis=1), place, axis=1)
        return self.measured(g.op("Unsqueeze", queries, g.ints(1)), chosen), chosen

    def closest(self, queries: str, *, k: int) -> str:
        """Rows of the nearest, Q x k: ranked by their distances, where all hangs on which is which.

        Products lose digits that differences keep, so that of two that are nearly as near they may
        rank either first, each runtime its own. They only choose: `k` vectors and one more.
        """
        g = self.g
        squared, rows = self.nearest(queries, k=min(k + 1, len(self.vectors)))
        closeness = g.op("Neg", squared)
        if self.barred:
            closeness = g.op("Add", closeness, g.op("Gather", self.barred, rows))
        _, order = _top(g, closeness, k)
        return g.op("GatherElements", rows, order, axis=1)

    def squared_distances(self, queries: str) -> str:
        """Squared distances of the nearest, Q x 1, from products alone: half the time of `nearest`.

        They are off by some millionths of squared lengths from the bank's centre, so that they
        are no measure of what is nearly at no distance.
        """
        g = self.g
        centred = g.op("Sub", queries, self._centre)
        extended = self._extended(centred)
        closest = [
            g.op("ReduceMax", g.op("MatMul", extended, columns), g.ints(1), keepdims=1)
            for _, columns in self._blocks
        ]
        lengths = g.op("Unsqueeze", sum_of_squares(g, centred), g.ints(1))
        twice = g.op("Mul", g.op("Max", *closest), g.number(2.0))
        return g.op("Max", g.op("Sub", lengths, twice), g.number(0.0))

    def _extended(self, centred: str) -> str:
        """Queries from the bank's centre with a 1 that meets its half squared lengths."""
        g = self.g
        first_column = g.op("Slice", centred, g.ints(0), g.ints(1), g.ints(1))
        return g.op("Concat", centred, ones_like(g, first_column), axis=1)

    @cached_property
    def _centre(self) -> str:
        return self.g.constant(self.vectors.mean(axis=0))

    @cached_property
    def _blocks(self) -> list[tuple[int, str]]:
        """Where each block begins, and its vectors as columns, with the half squared lengths.

        Runtimes make the columns once, when they load the graph: all in them is constant.
        """
        g, blocks = self.g, []
        offsets = _half_norms(self.vectors)[:, None]
        for first in range(0, len(self.vectors), self.block):
            last = min(first + self.block, len(self.vectors))
            part = g.op("Slice", self.name, g.ints(first), g.ints(last), g.ints(0))
            part = g.op("Sub", part, self._centre)
            part = g.op("Concat", part, g.constant(offsets[first:last]), axis=1)
            blocks.append((first, g.op("Transpose", part, perm=[1, 0])))
        return blocks

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


def _half_norms(bank: Vectors) -> Vectors:
    """Minus half of each vector's squared length from their centre."""
    centre, halves = bank.mean(axis=0), np.empty(len(bank), np.float32)
    for first in range(0, len(bank), VECTORS):
        centred = bank[first : first + VECTORS] - centre
        halves[first : first + VECTORS] = np.einsum("md,md->m", centred, centred) / -2
    return halves
