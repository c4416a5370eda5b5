"""A second bank in a graph, of known defects: what lies as near to one of them is raised.

A patch counts as known where it is no farther from a vector of this bank than a given reach, and
nearer to it than to any good one. Its score is then at least the lift; all others stay as they
are. The nodes stand between the scores and what makes a map of them, so both verdict and regions
follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blemish.detectors.patchcore.splice import copied
from blemish.errors import UsageError
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.search.graph import search
from blemish.search.vectors import Vectors

if TYPE_CHECKING:
    import onnx

PREFIX = "defects/"  # of all names of it in a graph
BANK, RAISED = f"{PREFIX}bank", f"{PREFIX}raised"
NOT_SHARP = (
    "Known defects are raised in the map of one bank; this model's map is made of two. Fit it "
    "without 'map_levels'."
)


def defects_in(model: onnx.ModelProto) -> Vectors | None:
    """The known defects in a graph, K x D; `None` where there are none."""
    from onnx import numpy_helper

    for constant in model.graph.initializer:
        if constant.name == BANK:
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
    changed = _without(model)
    names = {output for node in changed.graph.node for output in node.output}
    if any(name.startswith("finer/") for name in names):
        raise UsageError(NOT_SHARP)
    told = "deviations" if "deviations" in names else "patch_scores"
    inner = _raising(vectors, reach, lift, squared=squared, block=block)
    outer = {"patches": "patches", "near_good": "patch_scores", "told": told}
    nodes = list(changed.graph.node)
    behind = 1 + next(n for n, node in enumerate(nodes) if told in node.output)
    after = [copied(node) for node in nodes[behind:]]
    for node in after:
        node.input[:] = [RAISED if name == told else name for name in node.input]
    ours = []
    for node in inner.graph.node:
        copy = copied(node)
        copy.name = f"{PREFIX}{node.name}"
        copy.input[:] = [name and outer.get(name, PREFIX + name) for name in node.input]
        copy.output[:] = [PREFIX + name for name in node.output]
        ours.append(copy)
    before = [copied(node) for node in nodes[:behind]]
    del changed.graph.node[:]
    changed.graph.node.extend([*before, *ours, *after])
    for constant in inner.graph.initializer:
        copy = copied(constant)
        copy.name = PREFIX + constant.name
        changed.graph.initializer.append(copy)
    return changed


def _raising(
    vectors: Vectors, reach: float, lift: float, *, squared: bool, block: int
) -> onnx.ModelProto:
    """From `patches`, `near_good` and `told` to `raised`."""
    g = GraphBuilder()
    found = search(g, "patches", vectors, k=1, squared=squared, block=block)
    known = g.op(
        "And",
        g.op("LessOrEqual", found.scores, g.number(reach)),
        g.op("Less", found.scores, "near_good"),
    )
    g.op("Where", known, g.op("Max", "told", g.number(lift)), "told", name="raised")
    grids = [tensor(name, FLOAT, "N", "h", "w") for name in ("near_good", "told")]
    patches = tensor("patches", FLOAT, "N", "h", "w", vectors.shape[1])
    return g.build([patches, *grids], [tensor("raised", FLOAT, "N", "h", "w")])


def _without(model: onnx.ModelProto) -> Any:
    """A copy of a graph without known defects."""
    changed = copied(model)
    names = {output for node in model.graph.node for output in node.output}
    told = "deviations" if "deviations" in names else "patch_scores"
    nodes = [copied(n) for n in model.graph.node if not n.name.startswith(PREFIX)]
    for node in nodes:
        node.input[:] = [told if name == RAISED else name for name in node.input]
    constants = [copied(c) for c in model.graph.initializer if not c.name.startswith(PREFIX)]
    del changed.graph.node[:], changed.graph.initializer[:]
    changed.graph.node.extend(nodes)
    changed.graph.initializer.extend(constants)
    return changed
