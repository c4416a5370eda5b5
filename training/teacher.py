"""A frozen network from an ONNX file as a torch module, on any device.

Only the few operators that plain convolutional backbones are made of; what is missing is an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

Attributes = dict[str, Any]


class Teacher(nn.Module):
    """Runs the graph of an ONNX backbone.

    Args:
        path: the file; its metadata give `mean` and `std`.
        levels: outputs to compute.

    Input: N x 3 x H x W in [0, 1]. Output: a map for each level.
    """

    def __init__(self, path: Path, levels: list[str]) -> None:
        super().__init__()
        model = onnx.load(path)
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        self.levels = levels
        self.input = model.graph.input[0].name
        self._nodes = _needed(model.graph, levels)
        self._buffers_of: dict[str, str] = {}
        for tensor in model.graph.initializer:
            key = f"weight_{len(self._buffers_of)}"
            self._buffers_of[tensor.name] = key
            self.register_buffer(key, torch.from_numpy(numpy_helper.to_array(tensor).copy()))
        for name in ("mean", "std"):
            value = torch.tensor(json.loads(metadata[name])).view(1, 3, 1, 1)
            self.register_buffer(name, value)

    @torch.no_grad()
    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps of the levels asked for."""
        values = {name: self.get_buffer(key) for name, key in self._buffers_of.items()}
        values[self.input] = (images - self.get_buffer("mean")) / self.get_buffer("std")
        for node, attributes in self._nodes:
            arguments = [values[name] if name else None for name in node.input]
            values[node.output[0]] = OPERATORS[node.op_type](arguments, attributes)
        return [values[level] for level in self.levels]


def _needed(graph: onnx.GraphProto, levels: list[str]) -> list[tuple[onnx.NodeProto, Attributes]]:
    wanted, nodes = set(levels), []
    for node in reversed(graph.node):
        if not wanted.intersection(node.output):
            continue
        if node.op_type not in OPERATORS:
            raise ValueError(f"operator {node.op_type} is not known here")
        wanted.update(node.input)
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        nodes.append((node, attributes))
    return nodes[::-1]


def _conv(inputs: list[Any], a: Attributes) -> Tensor:
    data, weight, bias = (*inputs, None)[:3]
    data = _padded(data, a.get("pads", [0] * 4), 0.0)
    return functional.conv2d(
        data, weight.to(data.dtype), bias, a.get("strides", 1), 0, a.get("dilations", 1),
        a.get("group", 1),
    )  # fmt: skip


def _max_pool(inputs: list[Any], a: Attributes) -> Tensor:
    data = _padded(inputs[0], a.get("pads", [0] * 4), float("-inf"))
    return functional.max_pool2d(data, a["kernel_shape"], a.get("strides", 1))


def _padded(data: Tensor, pads: list[int], value: float) -> Tensor:
    top, left, bottom, right = pads
    return functional.pad(data, (left, right, top, bottom), value=value) if any(pads) else data


def _batch_norm(inputs: list[Any], a: Attributes) -> Tensor:
    data, scale, shift, mean, variance = inputs
    return functional.batch_norm(data, mean, variance, scale, shift, eps=a.get("epsilon", 1e-5))


OPERATORS: dict[str, Callable[[list[Any], Attributes], Tensor]] = {
    "Conv": _conv,
    "BatchNormalization": _batch_norm,
    "MaxPool": _max_pool,
    "Relu": lambda inputs, _: inputs[0].relu(),
    "Clip": lambda inputs, _: inputs[0].clamp(float(inputs[1]), float(inputs[2])),
    "Add": lambda inputs, _: inputs[0] + inputs[1],
    "Concat": lambda inputs, a: torch.cat(inputs, a["axis"]),
    "Cast": lambda inputs, _: inputs[0].float(),
}
