"""A network made ready for whole numbers: nearly the same, but rounding takes less from it.

The numbers of a layer share one step, so channels of small numbers lose most of theirs. Where only
an activation lies between two convolutions, a channel is multiplied in the first and divided in the
second: nothing changes but its range. Weights are then rounded, and each bias takes up what that
changed on average. After Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
Correction", ICCV 2019; here both follow what is measured on pictures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from blemish.graph.builder import FLOAT, tensor
from blemish.graph.session import Session

WEIGHT_LEVELS = 64  # either side of 0: what 7 bits hold
FLOOR = 0.03  # of the largest: a channel that good pictures hardly use must not be cut off at once

Vector = NDArray[np.float32]


def even_out(
    model: onnx.ModelProto,
    entry: str,
    pictures: Iterable[NDArray[np.float32]],
    *,
    in_floats: str | None = None,
) -> onnx.ModelProto:
    """The network with its channels of like size and its weights of 7 bits.

    Args:
        model: opset 18 or later; its weights are initializers.
        entry: its input.
        pictures: V x 3 x H x W each; biases follow the first of its variants, ranges all.
        in_floats: what a convolution gives whose weights are not to be rounded.
    """
    evened = onnx.ModelProto()
    evened.CopyFrom(model)
    graph = evened.graph
    convolutions = _convolutions(graph)
    if not convolutions:
        return evened
    peaks, means = _measure(model, entry, pictures, [c.entry for c in convolutions.values()])
    for first, second, clipped in _pairs(graph, convolutions):
        factors = _factors(peaks[second.entry], second)
        if clipped:
            factors = np.maximum(factors, 1)  # or the clip would cut off what it let through
        first.multiply(factors)
        second.divide(factors)
        means[second.entry] = means[second.entry] * factors
    for name, convolution in convolutions.items():
        if name != in_floats:
            convolution.round(means[convolution.entry])
        convolution.write(graph)
    used = {name for node in graph.node for name in node.input}
    kept = [constant for constant in graph.initializer if constant.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return evened


@dataclass(eq=False)
class _Convolution:
    """A convolution's weights, groups x outputs a group x inputs a group x kernel, and biases."""

    node: onnx.NodeProto
    shape: tuple[int, ...]
    weights: Vector
    biases: Vector

    @property
    def entry(self) -> str:
        name: str = self.node.input[0]
        return name

    @property
    def depthwise(self) -> bool:
        inputs: int = self.weights.shape[2]
        return inputs == 1

    def reach(self) -> Vector:
        """The largest weight that each input meets."""
        largest: Vector = np.abs(self.weights).max(axis=(1, 3)).ravel()
        return largest

    def multiply(self, factors: Vector) -> None:
        """Multiply its outputs."""
        self.weights = self.weights * factors.reshape(*self.weights.shape[:2], 1, 1)
        self.biases = self.biases * factors

    def divide(self, factors: Vector) -> None:
        """Undo a multiplication of its inputs."""
        self.weights = self.weights / self._of_inputs(factors)

    def round(self, means: Vector) -> None:
        """Round its weights; what they lose times the inputs' means goes to the biases."""
        steps = np.abs(self.weights).max(axis=(2, 3), keepdims=True) / WEIGHT_LEVELS
        steps[steps == 0] = 1
        rounded = np.rint(self.weights / steps) * steps
        lost = (self.weights - rounded) * self._of_inputs(means)
        self.weights, self.biases = rounded, self.biases + lost.sum(axis=(2, 3)).ravel()

    def write(self, graph: onnx.GraphProto) -> None:
        """Make these the node's own."""
        stem = self.node.output[0]
        values = {
            f"{stem}/weights": self.weights.reshape(self.shape),
            f"{stem}/biases": self.biases,
        }
        self.node.input[1:] = list(values)
        graph.initializer.extend(
            numpy_helper.from_array(value.astype(np.float32), name)
            for name, value in values.items()
        )

    def _of_inputs(self, values: Vector) -> Vector:
        groups, _, inputs, _ = self.weights.shape
        return values.reshape(groups, 1, inputs, 1)


def _convolutions(graph: onnx.GraphProto) -> dict[str, _Convolution]:
    """Those whose weights and biases are constants, by the name of what they give."""
    constants = {constant.name: constant for constant in graph.initializer}
    found = {}
    for node in graph.node:
        if node.op_type != "Conv" or not constants.keys() >= set(node.input[1:]):
            continue
        weights, *biases = (numpy_helper.to_array(constants[name]) for name in node.input[1:])
        groups = next((a.i for a in node.attribute if a.name == "group"), 1)
        found[node.output[0]] = _Convolution(
            node,
            weights.shape,
            weights.reshape(groups, len(weights) // groups, weights.shape[1], -1),
            biases[0] if biases else np.zeros(len(weights), np.float32),
        )
    return found


def _pairs(
    graph: onnx.GraphProto, convolutions: dict[str, _Convolution]
) -> Iterator[tuple[_Convolution, _Convolution, bool]]:
    """Convolutions of which the second alone reads the first, and whether a Clip lies between."""
    makers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, int] = defaultdict(int)
    for name in [n for node in graph.node for n in node.input] + [o.name for o in graph.output]:
        readers[name] += 1
    for second in convolutions.values():
        name, between = second.entry, makers.get(second.entry)
        alone = readers[name] == 1
        if between is not None and _keeps_factors(between, graph):
            name = between.input[0]
            alone = alone and readers[name] == 1
        if alone and name in convolutions:
            clipped = name != second.entry and between is not None and between.op_type == "Clip"
            yield convolutions[name], second, clipped


def _keeps_factors(node: onnx.NodeProto, graph: onnx.GraphProto) -> bool:
    """Whether a factor before it does what it does behind it (of a Clip, while it lets through)."""
    if node.op_type == "Clip":
        low = [c for c in graph.initializer if c.name in node.input[1:2]]
        return bool(low) and not numpy_helper.to_array(low[0]).any()
    return bool(node.op_type == "Relu")


def _factors(peaks: Vector, second: _Convolution) -> Vector:
    """What makes channels alike: all the way where the second's channels have steps of their own.

    Elsewhere half the way, since its weights become as unlike as its inputs become alike.
    """
    factors = 1 / _shares(peaks)
    if not second.depthwise:
        factors = np.sqrt(factors * _shares(second.reach()))
    return factors.astype(np.float32)


def _shares(values: Vector) -> Vector:
    """Of the largest, and no smaller than `FLOOR`."""
    highest = values.max()
    shares: Vector = np.maximum(values / highest, FLOOR) if highest > 0 else np.ones_like(values)
    return shares


def _measure(
    model: onnx.ModelProto,
    entry: str,
    pictures: Iterable[NDArray[np.float32]],
    names: Sequence[str],
) -> tuple[dict[str, Vector], dict[str, Vector]]:
    """For each of some feature maps the largest size of its channels, and their mean."""
    names = list(dict.fromkeys(names))
    measured = onnx.ModelProto()
    measured.CopyFrom(model)
    graph = measured.graph
    for axes, name in (([0, 2, 3], "all/axes"), ([2, 3], "each/axes")):
        graph.initializer.append(numpy_helper.from_array(np.array(axes), name))

    def add(kind: str, *inputs: str, output: str, **attributes: int) -> None:
        graph.node.append(helper.make_node(kind, list(inputs), [output], **attributes))

    for name in names:
        add("Abs", name, output=f"size/{name}")
        add("ReduceMax", f"size/{name}", "all/axes", output=f"peak/{name}", keepdims=0)
        add("ReduceMean", name, "each/axes", output=f"mean/{name}", keepdims=0)
        graph.output.append(tensor(f"peak/{name}", FLOAT, f"channels of {name}"))
        graph.output.append(tensor(f"mean/{name}", FLOAT, "N", f"channels of {name}"))
    session = Session(measured.SerializeToString())
    wanted = [f"{kind}/{name}" for kind in ("peak", "mean") for name in names]
    found = [session.run(wanted, **{entry: picture}) for picture in pictures]
    columns = [np.stack(column) for column in zip(*found, strict=True)]
    peaks = [column.max(axis=0) for column in columns[: len(names)]]
    means = [column[:, 0].mean(axis=0) for column in columns[len(names) :]]
    return dict(zip(names, peaks, strict=True)), dict(zip(names, means, strict=True))
