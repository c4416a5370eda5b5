"""The exact nearest neighbour with a first pass in few dimensions: `two_stage` as nodes of a graph.

Of each query the closest sketch is measured; then all those that by their sketches may be nearer
than that. The rare query with very many of them is compared with all, so that what a search holds
is bounded.

No list is ever empty, whatever the image: on operators over no rows runtimes fail, each in its own
way. So each list begins with a pair, or a query, that need not be wanted. It does no harm: all that
is listed is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.graph.builder import ENDLESS, FLOAT, GraphBuilder
from blemish.search.nearest import GraphBank, ones_like, sum_of_squares
from blemish.search.sketch import (
    GROUP,
    LOST,
    NEXT_TO_NOTHING,
    ROUNDING,
    SketchedBank,
    sketch_bank,
)

CROWDED = 32  # vectors of a block that may be nearer, beyond which a query is compared with all


def nearest_by_sketches(bank: GraphBank, queries: str) -> tuple[str, str]:
    """Squared distances and rows of the nearest, Q x 1 each."""
    g = bank.g
    sketched = sketch_bank(bank.vectors)
    sketches, floors = _sketch(g, queries, sketched)
    size = -(-bank.block // GROUP) * GROUP
    found = None
    for first in range(0, sketched.columns.shape[1], size):
        block = _block(g, sketches, sketched.columns[:, first : first + size], first)
        found = _nearer(bank, queries, floors, block, found or _likely(bank, queries, block))
    assert found is not None  # a bank has vectors
    return _all_for_crowded(bank, queries, found)


@dataclass(frozen=True)
class _Found:
    """Of each query, Q each: the nearest so far, and whether too many may be nearer."""

    squared: str
    rows: str
    crowded: str


@dataclass(frozen=True)
class _Block:
    """Some columns of a bank of sketches, and how close queries are to them.

    Attributes:
        closeness: (Q groups) x GROUP.
        closest: of each group of columns the largest, Q x groups.
        groups: how many.
        first: column of the bank that is the block's first.
    """

    closeness: str
    closest: str
    groups: int
    first: int


def _block(g: GraphBuilder, sketches: str, columns: NDArray[np.float32], first: int) -> _Block:
    groups = columns.shape[1] // GROUP
    closeness = g.op("MatMul", sketches, g.constant(columns))
    grouped = g.op("Reshape", closeness, g.ints(-1, groups, GROUP))
    closest = g.op("ReduceMax", grouped, g.ints(2), keepdims=0)
    return _Block(g.op("Reshape", closeness, g.ints(-1, GROUP)), closest, groups, first)


def _members(g: GraphBuilder, block: _Block, owners: str, groups: str) -> str:
    """Of P pairs of query and group: how close each in the group is, P x GROUP."""
    before = g.op("Mul", owners, g.constant(block.groups, np.int64))
    return g.op("Gather", block.closeness, g.op("Add", before, groups), axis=0)


def _rows(bank: GraphBank, block: _Block, groups: str, places: str) -> str:
    """Rows of the bank; what fills the last group are copies of the last vector."""
    g = bank.g
    columns = g.op("Add", g.op("Mul", groups, g.constant(GROUP, np.int64)), places)
    if block.first:
        columns = g.op("Add", columns, g.constant(block.first, np.int64))
    return g.op("Min", columns, g.constant(len(bank.vectors) - 1, np.int64))


def _likely(bank: GraphBank, queries: str, block: _Block) -> _Found:
    """The closest by its sketch, measured."""
    g = bank.g
    group = g.op("ArgMax", block.closest, axis=1, keepdims=0)
    count = g.op("Squeeze", g.op("Shape", group))
    every = g.op("Range", g.constant(0, np.int64), count, g.constant(1, np.int64))
    place = g.op("ArgMax", _members(g, block, every, group), axis=1, keepdims=0)
    rows = _rows(bank, block, group, place)
    crowded = g.op("Less", every, g.constant(0, np.int64))  # none is so far
    return _Found(bank.measured(queries, rows), rows, crowded)


def _nearer(bank: GraphBank, queries: str, floors: str, block: _Block, found: _Found) -> _Found:
    """The nearest of those found and of a block: measured are only those that may be nearer."""
    g = bank.g
    owners, rows, few = _candidates(bank, floors, block, found)
    squared = bank.measured(g.op("Gather", queries, owners, axis=0), rows)
    least = g.op("ScatterElements", found.squared, owners, squared, reduction="min")
    never = g.constant(ENDLESS, np.int64)
    known = g.op("Where", g.op("Greater", found.squared, least), never, found.rows)
    as_near = g.op("Equal", squared, g.op("Gather", least, owners, axis=0))
    rows = g.op("Where", as_near, rows, never)
    rows = g.op("ScatterElements", known, owners, rows, reduction="min")
    return _Found(least, rows, g.op("Or", found.crowded, g.op("Not", few)))


def _candidates(bank: GraphBank, floors: str, block: _Block, found: _Found) -> tuple[str, str, str]:
    """Pairs of query and row that may be nearer than what is found, C each; and which have few, Q.

    Queries with many have no pair, but for the first of the list.
    """
    g = bank.g
    least = g.op("Mul", g.op("Sub", floors, found.squared), g.number(0.5))
    likely = _not_less(g, block.closest, g.op("Unsqueeze", least, g.ints(1)))
    groups_likely = g.op("ReduceSum", g.op("Cast", likely, to=FLOAT), g.ints(1), keepdims=0)
    few = _at_most(g, groups_likely, CROWDED)
    likely = g.op("And", likely, g.op("Unsqueeze", few, g.ints(1)))
    owners, groups = _split(g, _where(g, likely, axes=2))
    least = g.op("Unsqueeze", g.op("Gather", least, owners, axis=0), g.ints(1))
    near = _not_less(g, _members(g, block, owners, groups), least)

    near_of_pair = g.op("ReduceSum", g.op("Cast", near, to=FLOAT), g.ints(1), keepdims=0)
    none = g.op("Sub", groups_likely, groups_likely)
    counts = g.op("ScatterElements", none, owners, near_of_pair, reduction="add")
    few = g.op("And", few, _at_most(g, counts, CROWDED))

    pair, places = _split(g, _where(g, near, axes=2))
    owners, groups = (g.op("Gather", x, pair, axis=0) for x in (owners, groups))
    rows = _rows(bank, block, groups, places)
    unknown = g.op("Not", g.op("Equal", rows, g.op("Gather", found.rows, owners, axis=0)))
    wanted = g.op("And", unknown, g.op("Gather", few, owners, axis=0))
    chosen = g.op("Reshape", _where(g, wanted, axes=1), g.ints(-1))
    owners, rows = (g.op("Gather", x, chosen, axis=0) for x in (owners, rows))
    return owners, rows, few


def _all_for_crowded(bank: GraphBank, queries: str, found: _Found) -> tuple[str, str]:
    g = bank.g
    crowded = g.op("Reshape", _where(g, found.crowded, axes=1), g.ints(-1))
    by_all = bank.nearest(g.op("Gather", queries, crowded, axis=0), k=1)
    squared, rows = (g.op("Squeeze", x, g.ints(1)) for x in by_all)
    known_squared, known = (g.op("Gather", x, crowded, axis=0) for x in (found.squared, found.rows))
    nearer = g.op("Less", squared, known_squared)  # floats may miss what was found already
    squared = g.op("Where", nearer, squared, known_squared)
    squared = g.op("ScatterElements", found.squared, crowded, squared)
    rows = g.op("ScatterElements", found.rows, crowded, g.op("Where", nearer, rows, known))
    return g.op("Unsqueeze", squared, g.ints(1)), g.op("Unsqueeze", rows, g.ints(1))


def _sketch(g: GraphBuilder, queries: str, bank: SketchedBank) -> tuple[str, str]:
    """The twin of `SketchedBank.sketch`: sketches, Q x d + 2, and floors, Q."""
    centred = g.op("Sub", queries, g.constant(bank.centre))
    along = g.op("MatMul", centred, g.constant(bank.basis))
    total = sum_of_squares(g, centred)
    off = g.op("Sqrt", g.op("Relu", g.op("Sub", total, sum_of_squares(g, along))))
    unsure_sq = g.op("Mul", total, g.number(LOST))
    least = g.op("Max", off, g.op("Sqrt", unsure_sq), g.number(NEXT_TO_NOTHING))
    reach = g.op("Add", g.op("Sqrt", total), g.number(bank.longest))
    slack = g.op("Mul", g.op("Mul", reach, reach), g.number(ROUNDING))
    blur = g.op("Mul", g.op("Div", unsure_sq, least), g.number(2 * bank.farthest_off))
    off_column = g.op("Unsqueeze", off, g.ints(1))
    sketches = g.op("Concat", along, off_column, ones_like(g, off_column), axis=1)
    return sketches, g.op("Sub", total, g.op("Add", slack, blur))


def _where(g: GraphBuilder, mask: str, *, axes: int) -> str:
    """Where a mask is true, axes x P, and its first cell whether or not: so P is never 0."""
    first = g.constant([[0] * axes], np.int64)
    return g.op("NonZero", g.op("ScatterND", mask, first, g.constant([True], np.bool_)))


def _not_less(g: GraphBuilder, values: str, least: str) -> str:
    """Where a value reaches the least, or one of both is no number."""
    return g.op("Not", g.op("Less", values, least))


def _at_most(g: GraphBuilder, counts: str, most: int) -> str:
    return g.op("Not", g.op("Greater", counts, g.number(most)))


def _split(g: GraphBuilder, two: str) -> tuple[str, str]:
    """The rows of a matrix of two."""
    first, second = (g.op("Gather", two, g.constant(i, np.int64), axis=0) for i in (0, 1))
    return first, second
