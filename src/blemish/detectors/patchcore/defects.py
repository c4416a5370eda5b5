"""A second bank in a graph, of known defects: what lies as near to one of them is raised.

A patch counts as known where it is no farther from a vector of this bank than a given reach, and
nearer to it than to any good one. Its score is then at least the lift; all others stay as they
are. The nodes stand between the scores and what makes a map of them, so both verdict and regions
follow. With tiles the search is done in each of them, and what it finds is joined as scores are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blemish.detectors.patchcore.splice import copied, put_behind, take_out
from blemish.errors import UsageError
from blemish.graph.builder import FLOAT, GraphBuilder, bodies, tensor
from blemish.graph.tiling import PREFIX as OF_TILES
from blemish.graph.tiling import Grid, bring_out, leave_in, loop_over_tiles
from blemish.search.graph import search
from blemish.search.vectors import Vectors

if TYPE_CHECKING:
    import onnx

PREFIX = "defects/"  # of all names of it in a graph
BANK, RAISED, SCORES = f"{PREFIX}bank", f"{PREFIX}raised", f"{PREFIX}patch_scores"
NOT_SHARP = (
    "Known defects are raised in the map of one bank; this model's map is made of two. Fit it "
    "without 'map_levels'."
)


def defects_in(model: onnx.ModelProto) -> Vectors | None:
    """The known defects in a graph, K x D; `None` where there are none."""
    from onnx import numpy_helper

    loop, graph, name = loop_over_tiles(model.graph), model.graph, BANK
    if loop is not None:
        (graph,), name = bodies(loop), OF_TILES + BANK
    for constant in graph.initializer:
        if constant.name == name:
            found: Vectors = numpy_helper.to_array(constant)
            return found
    return None


def with_defects(
    model: onnx.ModelProto,
    vectors: Vectors,
    *,
    reach: float,
    lift: float,
    squared: bool,
    block: int,
) -> onnx.ModelProto:
    """The same graph with these known defects, in the place of those that it had.

    Args:
        model: a graph of PatchCore.
        vectors: of known defects, K x D.
        reach: the largest patch score that counts as near, as the search tells it.
        lift: what a known patch scores at least, told as the others are.
        squared: whether patch scores are squared distances.
        block: vectors searched at a time.

    Raises:
        UsageError: the map is made of two banks.
    """
    changed: onnx.ModelProto = copied(model)
    graph = changed.graph
    names = {output for node in graph.node for output in node.output}
    if any(name.startswith("finer/") for name in names):
        raise UsageError(NOT_SHARP)
    told = "deviations" if "deviations" in names else "patch_scores"
    take_out(graph, PREFIX, {RAISED: told})
    g = GraphBuilder()
    if (loop := loop_over_tiles(graph)) is None:
        near_defects = search(g, "patches", vectors, k=1, squared=squared, block=block).scores
    else:
        near_defects = SCORES
        _search_tiles(graph, loop, vectors, squared=squared, block=block)
    _raise(g, near_defects, reach, lift)
    grids = [tensor(name, FLOAT, "N", "h", "w") for name in ("near_good", "told")]
    raising = g.build(grids, [tensor("raised", FLOAT, "N", "h", "w")])
    given = {name: name for name in ("patches", SCORES)}
    given |= {"near_good": "patch_scores", "told": told}
    put_behind(graph, told, raising, given, prefix=PREFIX, instead=RAISED)
    return changed


def _raise(g: GraphBuilder, near_defects: str, reach: float, lift: float) -> None:
    """Nodes from scores by the defects, `near_good` and `told` to `raised`."""
    known = g.op(
        "And",
        g.op("LessOrEqual", near_defects, g.number(reach)),
        g.op("Less", near_defects, "near_good"),
    )
    g.op("Where", known, g.op("Max", "told", g.number(lift)), "told", name="raised")


def _search_tiles(
    graph: onnx.GraphProto, loop: onnx.NodeProto, vectors: Vectors, *, squared: bool, block: int
) -> None:
    """Give a graph with tiles the scores of patches by the defects, `SCORES`."""
    (body,) = bodies(loop)
    leave_in(graph, PREFIX)
    take_out(body, OF_TILES + PREFIX, {})
    g = GraphBuilder(OF_TILES + PREFIX, inside=True)
    found = search(g, f"{OF_TILES}patches", vectors, k=1, squared=squared, block=block)
    g.add_to(body, [found.scores])
    bring_out(graph, found.scores, Grid(SCORES), like="patch_scores")
