"""Nodes put into a graph that is there already; all others in it stay as they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from blemish.graph.builder import GraphBuilder, names_taken

if TYPE_CHECKING:
    import onnx


def put_in_place(
    graph: onnx.GraphProto, model: onnx.ModelProto, names: Mapping[str, str], *, prefix: str
) -> None:
    """Put nodes in the place of those that give the same; what only these needed goes.

    Args:
        graph: that is changed.
        model: the nodes, from some tensors of the graph to others that it has already.
        names: what the graph calls what goes in and comes out, and constants that keep their name.
        prefix: what all other names get in front.
    """
    given = {names[output.name] for output in model.graph.output}
    ours, constants = _included(model, names, prefix)
    nodes = list(graph.node)
    behind = next(number for number, node in enumerate(nodes) if given & set(node.output))
    before, after = nodes[:behind], [n for n in nodes[behind:] if not given & set(n.output)]
    needed, wanted = [], {output.name for output in graph.output}
    for node in reversed([*before, *ours, *after]):
        if wanted.intersection(node.output):
            wanted.difference_update(node.output)
            wanted.update(names_taken(node))
            needed.append(node)
    held = {constant.name for constant in constants}
    kept = [c for c in graph.initializer if c.name in wanted and c.name not in held]
    _fill(graph, needed[::-1], [*kept, *constants])


def put_behind(
    graph: onnx.GraphProto,
    told: str,
    model: onnx.ModelProto,
    names: Mapping[str, str],
    *,
    prefix: str,
    instead: str,
) -> None:
    """Put nodes behind the one that gives a tensor; what followed it takes theirs instead.

    Args:
        graph: that is changed.
        told: the tensor.
        model: the nodes, from some tensors of the graph to `instead`.
        names: what the graph calls what goes in.
        prefix: what all other names get in front.
        instead: what those that took `told` take now.
    """
    nodes = list(graph.node)
    behind = 1 + next(number for number, node in enumerate(nodes) if told in node.output)
    ours, constants = _included(model, names, prefix)
    after = [copied(node) for node in nodes[behind:]]
    for node in after:
        node.input[:] = [instead if name == told else name for name in node.input]
    _fill(graph, [*nodes[:behind], *ours, *after], [*graph.initializer, *constants])


def take_out(graph: onnx.GraphProto, prefix: str, renamed: Mapping[str, str]) -> None:
    """Take nodes and constants out whose names begin so; the others take tensors as renamed."""
    nodes = [copied(node) for node in graph.node if not node.name.startswith(prefix)]
    for node in nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    _fill(graph, nodes, [c for c in graph.initializer if not c.name.startswith(prefix)])


def copied(part: Any) -> Any:
    """A copy of a part of a graph, which does not change with it."""
    copy = type(part)()
    copy.CopyFrom(part)
    return copy


def _included(
    model: onnx.ModelProto, names: Mapping[str, str], prefix: str
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    g = GraphBuilder()
    return g.needed(list(g.include(model, prefix=prefix, inputs=names).values()))


def _fill(
    graph: onnx.GraphProto,
    nodes: Collection[onnx.NodeProto],
    constants: Collection[onnx.TensorProto],
) -> None:
    """Give a graph other nodes and constants."""
    # Copies: what is cleared below is what these may be part of.
    nodes, constants = [copied(node) for node in nodes], [copied(one) for one in constants]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
