"""One graph of several: each member's nodes under its name, then the mean of what they say."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import onnx

from blemish.detectors.features.graph import summary_outputs
from blemish.detectors.fusion.scale import Line, Scale
from blemish.graph.builder import GraphBuilder
from blemish.graph.preprocessing import image_input
from blemish.images.format import ImageFormat


def joined(
    members: Mapping[str, onnx.ModelProto],
    scales: Mapping[str, Scale],
    image_format: ImageFormat,
) -> onnx.ModelProto:
    """From `image` to `score` and `score_map`, the means of those of all members as they are told.

    Args:
        members: graphs from `image` to `score` and `score_map`, by name.
        scales: what their scores and maps are told by.
        image_format: depth of images.
    """
    g = GraphBuilder()
    told: dict[str, list[str]] = {"score": [], "score_map": []}
    for name, model in members.items():
        g.use_opset(max(entry.version for entry in model.opset_import))
        given = g.include(model.graph, prefix=f"{name}/", inputs={"image": "image"})
        for output, line in (("score", scales[name].score), ("score_map", scales[name].map)):
            told[output].append(_told(g, given[output], line, len(members)))
    for output, parts in told.items():
        g.op("Sum", *parts, name=output)
    return _once(g.build([image_input(image_format)], summary_outputs()))


def _once(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with equal constants and equal nodes there once, as where backbones are shared."""
    names: dict[str, str] = {}  # by which everything is found that is there once
    first: dict[bytes, str] = {}
    constants = []
    for constant in model.graph.initializer:
        known = first.setdefault(_content(constant, "name"), constant.name)
        names[constant.name] = known
        if known == constant.name:
            constants.append(constant)
    given = {output.name for output in model.graph.output}
    nodes: list[onnx.NodeProto] = []
    made: dict[bytes, onnx.NodeProto] = {}
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
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


def _told(g: GraphBuilder, values: str, line: Line, members: int) -> str:
    """A member's share of the mean."""
    above = g.op("Sub", values, g.number(line.mean))
    return g.op("Mul", above, g.number(1 / (line.unit * members)))
