"""Another search in the place of the one that a graph holds; all else stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx

SEARCH = "search/"  # what inner names of a search that was put in get in front


def put_search(graph: onnx.GraphProto, prefix: str, model: onnx.ModelProto) -> None:
    """Put a search in the place of the one that is there; what only that one needed goes.

    Args:
        graph: that is changed.
        prefix: of the names of the search in it.
        model: from `patches` to `patch_scores` and perhaps `nearest`, with a constant `bank`.
    """
    kept = {"patches", "bank", *(output.name for output in model.graph.output)}

    def renamed(name: str) -> str:
        return name and f"{prefix}{name if name in kept else SEARCH + name}"

    given = {f"{prefix}{output.name}" for output in model.graph.output}
    nodes = list(graph.node)
    behind = next(number for number, node in enumerate(nodes) if given & set(node.output))
    before, after = nodes[:behind], [n for n in nodes[behind:] if not given & set(n.output)]
    inner = []
    for node in model.graph.node:
        copy = copied(node)
        copy.name = f"{prefix}{SEARCH}{node.name}"
        copy.input[:], copy.output[:] = map(renamed, node.input), map(renamed, node.output)
        inner.append(copy)
    needed, wanted = [], {output.name for output in graph.output}
    for node in reversed([*before, *inner, *after]):
        if wanted.intersection(node.output):
            wanted.difference_update(node.output)
            wanted.update(node.input)
            needed.append(node)
    ours = {renamed(constant.name) for constant in model.graph.initializer}
    constants = [c for c in graph.initializer if c.name in wanted and c.name not in ours]
    for constant in model.graph.initializer:
        copy = copied(constant)
        copy.name = renamed(constant.name)
        constants.append(copy)
    # Copies: what is cleared below is what these point to.
    nodes, constants = ([copied(part) for part in parts] for parts in (needed[::-1], constants))
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)


def copied(part: Any) -> Any:
    """A copy of a part of a graph, which does not change with it."""
    copy = type(part)()
    copy.CopyFrom(part)
    return copy
