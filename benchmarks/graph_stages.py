"""The graph of a PatchCore in stages: what work is in each, and how long ONNX Runtime takes for it.

Stages begin and end where tensors with a name of their own, or the backbone, do; nothing else of
the detector is known here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from blemish.graph.runtime import onnxruntime
from blemish.graph.session import Session
from blemish.graph.trace import with_outputs
from blemish.parallel import available_cores

BACKBONE = "backbone/"  # what its nodes' names begin with
FLOATS = ("Conv", "Gemm", "MatMul")
BYTES = ("MatMulInteger",)


@dataclass(frozen=True, eq=False)
class Stage:
    """A part of the way from an image to its score.

    Attributes:
        name: of the part.
        labels: names of its nodes, and of what they give.
        float_operations, byte_operations: products and sums of its convolutions and matrix
            products.
        moved_bytes: what goes in, constants among it, and what comes out: the least that is read
            and written.
    """

    name: str
    labels: frozenset[str]
    float_operations: int
    byte_operations: int
    moved_bytes: int


def stages_of(data: bytes, image: NDArray[np.uint8]) -> list[Stage]:
    """The stages of a model file, counted on this stack of images, N x H x W x 3."""
    graph = onnx.load_model_from_string(data).graph
    seen: set[str] = set()
    parts = []
    for name, outputs in ends(graph).items():
        nodes = [node for node in needed(graph, outputs) if node.output[0] not in seen]
        seen.update(output for node in nodes for output in node.output)
        parts.append((name, outputs, nodes))
    products = [node for node in graph.node if node.op_type in FLOATS + BYTES]
    wanted = {name for node in products for name in (*node.input, *node.output)}
    wanted |= {name for _, outputs, nodes in parts for name in (*outputs, *incoming(nodes))}
    values = traced(data, graph, wanted, image)
    return [
        Stage(
            name,
            frozenset(label for node in nodes for label in (node.name, *node.output)),
            sum(operations(node, values) for node in nodes if node.op_type in FLOATS),
            sum(operations(node, values) for node in nodes if node.op_type in BYTES),
            sum(values[name].nbytes for name in {*incoming(nodes), *outputs}),
        )
        for name, outputs, nodes in parts
    ]


def ends(graph: onnx.GraphProto) -> dict[str, list[str]]:
    """The tensors that each stage ends with."""
    inner = [node for node in graph.node if node.name.startswith(BACKBONE)]
    outer = [node for node in graph.node if not node.name.startswith(BACKBONE)]
    made_inside = {output for node in inner for output in node.output}
    made_outside = {output for node in outer for output in node.output}
    return {
        "preprocess": sorted({name for node in inner for name in node.input} & made_outside),
        "backbone": sorted({name for node in outer for name in node.input} & made_inside),
        "patches": ["patches"],
        "search": ["patch_scores", "nearest"],
        "map and score": ["score", "score_map"],
    }


def needed(graph: onnx.GraphProto, outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """The nodes on the way to these tensors, in order."""
    wanted, nodes = set(outputs), []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            nodes.append(node)
    return nodes[::-1]


def incoming(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    """What these nodes take from elsewhere."""
    made = {output for node in nodes for output in node.output}
    return {name for node in nodes for name in node.input if name} - made


def traced(
    data: bytes, graph: onnx.GraphProto, names: set[str], image: NDArray[np.uint8]
) -> dict[str, NDArray[Any]]:
    """Constants, the input, and these tensors as one run gives them."""
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    values["image"] = image
    computed = sorted(names - set(values) - {""})
    run = Session(with_outputs(data, computed)).run(computed, image=image)
    return values | dict(zip(computed, run, strict=True))


def operations(node: onnx.NodeProto, values: dict[str, NDArray[Any]]) -> int:
    """Products and sums of a convolution or a matrix product: two for each term of each output."""
    first, second = (values[name].shape for name in node.input[:2])
    turned = any(entry.name == "transA" and entry.i for entry in node.attribute)
    terms = prod(second[1:]) if node.op_type == "Conv" else first[0 if turned else -1]
    return 2 * values[node.output[0]].size * terms


def stage_seconds(
    data: bytes, stages: Sequence[Stage], image: NDArray[np.uint8], runs: int
) -> dict[str, list[float]]:
    """Seconds of each stage in warm runs: the sum of its nodes, by ONNX Runtime's own profile."""
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = available_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_profiling = True
    with TemporaryDirectory() as folder:
        options.profile_file_prefix = f"{folder}/profile"
        session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        for _ in range(runs + 1):
            session.run(["score", "score_map"], {"image": image})
        events = json.loads(Path(session.end_profiling()).read_text())
    starts = sorted(event["ts"] for event in events if event["name"] == "model_run")[1:]
    stage_by_label = {label: stage.name for stage in stages for label in stage.labels}
    seconds = {stage.name: np.zeros(runs) for stage in stages}
    current = stages[0].name
    for event in sorted((e for e in events if e.get("cat") == "Node"), key=lambda e: e["ts"]):
        current = stage_by_label.get(label_of(event["name"], stage_by_label), current)
        run = int(np.searchsorted(starts, event["ts"], side="right")) - 1
        if run >= 0:  # the first run warms up
            seconds[current][run] += event["dur"] / 1e6
    return {name: taken.tolist() for name, taken in seconds.items()}


def label_of(event: str, known: dict[str, str]) -> str:
    """The node or tensor that a node of the optimised graph is named after.

    What the optimiser adds of its own has none; it belongs with what ran before it.
    """
    label = event.removesuffix("_kernel_time").removesuffix("_nchwc")
    while label not in known and "/" in label:
        label = label.rpartition("/")[0]
    return label
