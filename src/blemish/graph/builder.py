"""A small hand for writing ONNX graphs: operators in, names out.

Names are counted, so the same calls give the same bytes. Nothing here knows of detectors.

A graph may hold others: the bodies of loops, which may use every name of the graph around them. So
names are found, and changed, in bodies as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18  # the first with antialiased Resize
IR_VERSION = 9  # what runtimes of that age read

FLOAT, INT32, INT64 = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64
UINT8, UINT16, BOOL = TensorProto.UINT8, TensorProto.UINT16, TensorProto.BOOL


ENDLESS = 2**31 - 1  # more than any size or row; OpenVINO holds whole numbers in 32 bits


class GraphBuilder:
    """Collects nodes and constants; `build` makes the model, `body` what a loop repeats.

    Args:
        prefix: what names that are made here begin with.
        inside: names that are given begin with it, too, as in a body of a loop, whose names must
            not be those of the graph around it.
    """

    def __init__(self, prefix: str = "", *, inside: bool = False) -> None:
        self._prefix, self._of_given = prefix, prefix if inside else ""
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._shared: dict[bytes, str] = {}
        self._opset = OPSET

    def op(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add an operator with one output and give the output's name."""
        output = f"{self._of_given}{name}" if name else self._next(kind)
        return self.ops(kind, *inputs, outputs=[output], **attributes)[0]

    def ops(self, kind: str, *inputs: str, outputs: Sequence[str], **attributes: Any) -> list[str]:
        """Add an operator with the named outputs (see `fresh`)."""
        node = helper.make_node(kind, list(inputs), list(outputs), **attributes)
        node.name = f"{self._prefix}{kind}_{len(self._nodes)}"
        self._nodes.append(node)
        return list(outputs)

    def fresh(self, stem: str, count: int) -> list[str]:
        """`count` names that nothing else has."""
        return [f"{self._next(stem)}_{i}" for i in range(count)]

    def constant(self, value: Any, dtype: Any = np.float32, *, name: str | None = None) -> str:
        """A constant tensor; small equal ones are shared."""
        array: NDArray[Any] = np.ascontiguousarray(np.asarray(value, dtype=dtype))
        array = array.reshape(np.shape(value))
        key = f"{array.dtype}{array.shape}".encode() + array.tobytes() if array.size < 256 else None
        if name is None and key is not None and key in self._shared:
            return self._shared[key]
        made = f"{self._prefix}constant_{len(self._constants)}"
        name = f"{self._of_given}{name}" if name else made
        self._constants.append(numpy_helper.from_array(array, name))
        if key is not None:
            self._shared[key] = name
        return name

    def ints(self, *values: int) -> str:
        """A constant vector of whole numbers, as sizes and axes are given."""
        return self.constant(list(values), np.int64)

    def number(self, value: float) -> str:
        """A constant float32 scalar."""
        return self.constant(value)

    def magnitude(self, values: str) -> str:
        """The values without their sign.

        Not `Abs`, which OpenVINO gets wrong of constants (2026.4).
        """
        return self.op("Max", values, self.op("Neg", values))

    def include(
        self, model: onnx.ModelProto, *, prefix: str, inputs: Mapping[str, str]
    ) -> dict[str, str]:
        """Copy another model's graph in; gives the names that its outputs have here.

        Args:
            model: what to copy; of opsets, the newer one is that of both.
            prefix: what its inner names get in front.
            inputs: for each of its inputs, the name here that feeds it.
        """
        prefix = self._of_given + prefix

        def rename(name: str) -> str:
            return inputs.get(name, f"{prefix}{name}") if name else name

        self._opset = max(self._opset, *(entry.version for entry in model.opset_import))
        for tensor in model.graph.initializer:
            copy = onnx.TensorProto()
            copy.CopyFrom(tensor)
            copy.name = rename(tensor.name)
            self._constants.append(copy)
        for node in model.graph.node:
            inner = onnx.NodeProto()
            inner.CopyFrom(node)
            inner.name = f"{prefix}{node.name or len(self._nodes)}"
            rename_all(inner, rename)
            self._nodes.append(inner)
        return {output.name: rename(output.name) for output in model.graph.output}

    def build(
        self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """The model with what the outputs need and nothing else."""
        graph = self._graph("blemish", inputs, outputs)
        opset = [helper.make_opsetid("", self._opset)]
        return helper.make_model(
            graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="blemish"
        )

    def body(
        self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.GraphProto:
        """The same as what a loop in another graph repeats, whose names it may use."""
        return self._graph(f"{self._prefix}body", inputs, outputs)

    def _graph(
        self,
        name: str,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
    ) -> onnx.GraphProto:
        nodes, constants = self.needed([output.name for output in outputs])
        return helper.make_graph(nodes, name, list(inputs), list(outputs), constants)

    def add_to(self, graph: onnx.GraphProto, outputs: Sequence[str]) -> None:
        """Add what the outputs need to a graph whose tensors some of the nodes take."""
        nodes, constants = self.needed(outputs)
        graph.node.extend(nodes)
        graph.initializer.extend(constants)

    def needed(self, outputs: Sequence[str]) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        """Nodes and constants that it takes to have some tensors, in order."""
        wanted = set(outputs)
        nodes = []
        for node in reversed(self._nodes):
            if wanted.intersection(node.output):
                wanted.update(names_taken(node))
                nodes.append(node)
        constants = [tensor for tensor in self._constants if tensor.name in wanted]
        return nodes[::-1], constants

    def _next(self, stem: str) -> str:
        return f"{self._prefix}{stem.lower()}_{len(self._nodes)}"


def bodies(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs that a node repeats."""
    return [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]


def names_taken(node: onnx.NodeProto) -> set[str]:
    """What a node and its bodies take, and names that are the bodies' own."""
    inner = (names_taken(one) for body in bodies(node) for one in body.node)
    return set(node.input).union(*inner)


def rename_all(node: onnx.NodeProto, rename: Callable[[str], str]) -> None:
    """Change the names of what a node takes and gives, and all names in its bodies."""
    node.input[:] = [rename(name) for name in node.input]
    node.output[:] = [rename(name) for name in node.output]
    for body in bodies(node):
        for one in body.node:
            rename_all(one, rename)
        for named in (*body.input, *body.output, *body.initializer):
            named.name = rename(named.name)


def tensor(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
    """An input or output of a model; sizes that vary have names."""
    return helper.make_tensor_value_info(name, kind, list(shape))
