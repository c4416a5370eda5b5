"""A graph with other outputs: what it holds on the way from an image to its score."""

from __future__ import annotations

from collections.abc import Sequence

from blemish.errors import UsageError, did_you_mean, raise_all


def tensor_names(data: bytes) -> list[str]:
    """All tensors that the nodes of a model give."""
    import onnx

    graph = onnx.load_model_from_string(data).graph
    return [output for node in graph.node for output in node.output if output]


def with_outputs(data: bytes, names: Sequence[str]) -> bytes:
    """A model whose outputs are the named tensors, which any of its nodes may give.

    Raises:
        UsageError: no tensor is named, or no node gives one of that name.
    """
    import onnx

    model = onnx.load_model_from_string(data)
    known = tensor_names(data)
    problems = [
        f"The graph has no tensor '{name}'.{did_you_mean(name, known)}"
        for name in names
        if name not in known
    ]
    if not names:
        problems = ["Name at least one tensor of the graph: patch_scores, say."]
    raise_all(problems, UsageError)
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    changed: bytes = model.SerializeToString()
    return changed
