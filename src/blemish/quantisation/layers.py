"""A network's convolutions and normalisations, their constants as arrays that may be changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Vector = NDArray[np.float32]


class Layer(ABC):
    """A node with constants, into which a factor of its channels can go."""

    node: onnx.NodeProto

    @property
    def name(self) -> str:
        """The feature map that it gives."""
        name: str = self.node.output[0]
        return name

    @property
    def entry(self) -> str:
        """The feature map that it reads."""
        name: str = self.node.input[0]
        return name

    @abstractmethod
    def multiply(self, factors: Vector) -> None:
        """Multiply its outputs."""

    @abstractmethod
    def divide(self, factors: Vector) -> None:
        """Undo a multiplication of its inputs."""

    @abstractmethod
    def constants(self) -> dict[str, Vector]:
        """In the order of the node's inputs, by what they are."""


@dataclass(eq=False)
class Convolution(Layer):
    """Weights, groups x outputs a group x inputs a group x kernel, and biases, of all outputs."""

    node: onnx.NodeProto
    weights: Vector
    biases: Vector
    kernel: tuple[int, int]
    dilations: tuple[int, int]

    @classmethod
    def of(cls, node: onnx.NodeProto, weights: Vector, biases: Vector | None = None) -> Self:
        """Read a node."""
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        groups = attributes.get("group", 1)
        outputs, inputs, height, width = weights.shape
        down, across = attributes.get("dilations", (1, 1))
        return cls(
            node,
            weights.reshape(groups, outputs // groups, inputs, -1),
            np.zeros(outputs, np.float32) if biases is None else biases,
            (height, width),
            (down, across),
        )

    def multiply(self, factors: Vector) -> None:
        """Multiply its outputs."""
        self.weights = self.weights * factors.reshape(*self.weights.shape[:2], 1, 1)
        self.biases = self.biases * factors

    def divide(self, factors: Vector) -> None:
        """Undo a multiplication of its inputs."""
        groups, _, inputs, _ = self.weights.shape
        self.weights = self.weights / factors.reshape(groups, 1, inputs, 1)

    def constants(self) -> dict[str, Vector]:
        """Weights, outputs x inputs a group x height x width, and biases."""
        groups, outputs, inputs, _ = self.weights.shape
        shape = groups * outputs, inputs, *self.kernel
        return {"weights": self.weights.reshape(shape), "biases": self.biases}


@dataclass(eq=False)
class Normalisation(Layer):
    """BatchNormalization that no convolution before it could take up."""

    node: onnx.NodeProto
    scales: Vector
    biases: Vector
    means: Vector
    variances: Vector

    def multiply(self, factors: Vector) -> None:
        """Multiply its outputs."""
        self.scales, self.biases = self.scales * factors, self.biases * factors

    def divide(self, factors: Vector) -> None:
        """Undo a multiplication of its inputs."""
        self.scales, self.means = self.scales / factors, self.means * factors

    def constants(self) -> dict[str, Vector]:
        """Scales, biases, means and variances."""
        names = "scales", "biases", "means", "variances"
        return {name: getattr(self, name) for name in names}


READ: dict[str, Callable[..., Layer]] = {
    "Conv": Convolution.of,
    "BatchNormalization": Normalisation,
}


def read_layers(graph: onnx.GraphProto) -> dict[str, Layer]:
    """Those whose constants are initializers, by the name of what they give.

    Convolutions of another rank than images have are left out.
    """
    initializers = {constant.name: constant for constant in graph.initializer}
    layers = {}
    for node in graph.node:
        if node.op_type not in READ or not initializers.keys() >= set(node.input[1:]):
            continue
        constants = [numpy_helper.to_array(initializers[name]) for name in node.input[1:]]
        if node.op_type == "BatchNormalization" or constants[0].ndim == 4:
            layers[node.output[0]] = READ[node.op_type](node, *constants)
    return layers


def write_layers(graph: onnx.GraphProto, layers: dict[str, Layer]) -> None:
    """Give each its constants as they are now, and drop what nobody reads any more."""
    new = {}
    for name, layer in layers.items():
        own = {f"{name}/{kind}": value for kind, value in layer.constants().items()}
        layer.node.input[1:] = list(own)
        new.update(own)
    used = {name for node in graph.node for name in node.input} - new.keys()
    kept = [constant for constant in graph.initializer if constant.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    graph.initializer.extend(
        numpy_helper.from_array(value.astype(np.float32), name) for name, value in new.items()
    )
