"""Run a few nodes on their own: what a builder function adds, fed with arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from blemish.graph.builder import FLOAT, INT64, GraphBuilder, tensor
from blemish.graph.session import Session
from blemish.graph.trace import tensor_names, with_outputs

KINDS = {np.dtype(np.float32): FLOAT, np.dtype(np.int64): INT64, np.dtype(np.uint8): 2,
         np.dtype(np.uint16): 4}  # fmt: skip


def run_nodes(add: Callable[[GraphBuilder], list[str]], **inputs: np.ndarray) -> list[np.ndarray]:
    """Build the graph that `add` writes, whose outputs it names, and run it on the inputs."""
    model = graph_of(add, **inputs)
    names = [output.name for output in model.graph.output]
    return Session(model.SerializeToString()).run(names, **inputs)


def graph_of(add: Callable[[GraphBuilder], list[str]], **inputs: np.ndarray) -> onnx.ModelProto:
    """The graph that `add` writes, whose outputs it names, for inputs like these."""
    g = GraphBuilder()
    names = [g.op("Identity", name, name=f"out_{i}") for i, name in enumerate(add(g))]
    entries = [
        tensor(name, KINDS[array.dtype], *(f"{name}_{axis}" for axis in range(array.ndim)))
        for name, array in inputs.items()
    ]
    return g.build(entries, [_untyped(name) for name in names])


def inner_tensors(model: onnx.ModelProto, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    """What each node gives."""
    data = model.SerializeToString()
    names = tensor_names(data)
    return dict(zip(names, Session(with_outputs(data, names)).run(names, **inputs), strict=True))


def _untyped(name: str):
    return onnx.ValueInfoProto(name=name)
