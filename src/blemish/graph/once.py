"""Equal parts of a graph, there once: what graphs that were put together have in common."""

from __future__ import annotations

from hashlib import sha256

import onnx

from blemish.graph.builder import rename_all


def once(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with equal constants and equal nodes there once; outputs keep their names."""
    names: dict[str, str] = {}  # by which everything is found that is there once
    first: dict[bytes, str] = {}
    constants = []
    for constant in model.graph.initializer:
        known = first.setdefault(_content(constant, "name"), constant.name)
        names[constant.name] = known
        if known == constant.name:
            constants.append(constant)
    given = {output.name for output in model.graph.output}

    def first_name(name: str) -> str:
        return names.get(name, name)

    nodes: list[onnx.NodeProto] = []
    made: dict[bytes, onnx.NodeProto] = {}
    for node in model.graph.node:
        rename_all(node, first_name)
        known_node = made.setdefault(_content(node, "name", "output"), node)
        if known_node is node or given & set(node.output):
            nodes.append(node)
        else:
            names |= dict(zip(node.output, known_node.output, strict=True))
    g = model.graph
    graph = onnx.helper.make_graph(nodes, g.name, list(g.input), list(g.output), constants)
    opsets = list(model.opset_import)
    return onnx.helper.make_model(
        graph,
        opset_imports=opsets,
        ir_version=model.ir_version,
        producer_name=model.producer_name,
    )


def _content(part: onnx.TensorProto | onnx.NodeProto, *without: str) -> bytes:
    """What a part of a graph is, whatever it is called."""
    copy = type(part)()
    copy.CopyFrom(part)
    for name in without:
        copy.ClearField(name)
    return sha256(copy.SerializeToString(deterministic=True)).digest()
