"""Run a few nodes on their own: what a builder function adds, fed with arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from blemish.graph.builder import FLOAT, INT64, GraphBuilder, tensor
from blemish.graph.session import Session

KINDS = {np.dtype(np.float32): FLOAT, np.dtype(np.int64): INT64, np.dtype(np.uint8): 2,
         np.dtype(np.uint16): 4}  # fmt: skip


def run_nodes(add: Callable[[GraphBuilder], list[str]], **inputs: np.ndarray) -> list[np.ndarray]:
    """Build the graph that `add` writes, whose outputs it names, and run it on the inputs."""
    g = GraphBuilder()
    names = [g.op("Identity", name, name=f"out_{i}") for i, name in enumerate(add(g))]
    entries = [
        tensor(name, KINDS[array.dtype], *(f"{name}_{axis}" for axis in range(array.ndim)))
        for name, array in inputs.items()
    ]
    model = g.build(entries, [_untyped(name) for name in names])
    return Session(model.SerializeToString()).run(names, **inputs)


def _untyped(name: str):
    import onnx

    return onnx.ValueInfoProto(name=name)
