"""A network's channels made of like size: in floats the same network, but bytes hold more of it.

The numbers of a feature map share one step, so channels of small numbers lose most of theirs. Where
a layer alone writes what others read, a channel is multiplied in the one and divided in the others:
nothing changes but its range. After Nagel et al., "Data-Free Quantization Through Weight
Equalization and Bias Correction", ICCV 2019; here ranges are those of images.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from blemish.backbones.feature_maps import feature_maps
from blemish.quantisation.layers import Convolution, Layer, Vector, read_layers, write_layers

# How far channels are made alike where that makes weights unlike, which share steps as well: all
# the way would be 1. Rounding makes good what weights lose (`rounded`), so it may be over a half.
SHARE = 0.7
COARSE = 0.15  # of what most channels hold: as much noise in a feature map is too much
FLOOR = 0.03  # of the largest: a channel that good images hardly use must not be cut off at once


class Equalised(NamedTuple):
    """A network made ready for bytes.

    Attributes:
        model: with its channels of like size.
        coarse: what convolutions give, by name, whose channels could not be made alike, and bytes
            would hold too little of it.
    """

    model: onnx.ModelProto
    coarse: set[str]


def equalise(
    model: onnx.ModelProto, entry: str, images: Iterable[NDArray[np.float32]]
) -> Equalised:
    """Make a network's channels of like size.

    Args:
        model: opset 18 or later; its weights are initializers.
        entry: its input.
        images: V x 3 x H x W each; all variants count.
    """
    evened = onnx.ModelProto()
    evened.CopyFrom(model)
    graph = evened.graph
    layers = read_layers(graph)
    stretches = {stretch.writer.name: stretch for stretch in _stretches(graph, layers)}
    others = _not_equalised(graph, layers.keys() - stretches)
    if not stretches and not others:
        return Equalised(evened, set())
    ends = [stretch.entry for stretch in stretches.values()]
    variants = (variant for image in images for variant in image)
    peaks, spreads = _measure(feature_maps(model, entry, variants, {*ends, *others}), others)
    for stretch in stretches.values():
        factors = _factors(peaks[stretch.entry], stretch.readers)
        if stretch.clipped:
            factors = np.maximum(factors, 1)  # or the clip would cut off what it let through
        stretch.writer.multiply(factors)
        for reader in stretch.readers:
            reader.divide(factors)
    write_layers(graph, layers)
    coarse = {name for name in others if _lost(peaks[name], spreads[name]) > COARSE}
    return Equalised(evened, coarse)


def _measure(
    shown: Iterable[dict[str, NDArray[np.float32]]], others: Collection[str]
) -> tuple[dict[str, Vector], dict[str, Vector]]:
    """Of each feature map, a channel each, the largest size; of others also how far it varies.

    That is the standard deviation over an image, on average over images.
    """
    sizes: dict[str, list[Vector]] = defaultdict(list)
    deviations: dict[str, list[Vector]] = defaultdict(list)
    for found in shown:
        for name, features in found.items():
            sizes[name].append(np.abs(features).max(axis=(1, 2)))
        for name in others:
            deviations[name].append(found[name].std(axis=(1, 2)))
    return (
        {name: np.max(each, axis=0) for name, each in sizes.items()},
        {name: np.mean(each, axis=0) for name, each in deviations.items()},
    )


class _Stretch(NamedTuple):
    """From a layer to all that read it: what its channels are multiplied by stays between."""

    writer: Layer
    readers: list[Layer]
    clipped: bool

    @property
    def entry(self) -> str:
        """A feature map that is read at its end."""
        return self.readers[0].entry


def _stretches(graph: onnx.GraphProto, layers: dict[str, Layer]) -> Iterator[_Stretch]:
    """Those of a network, in the order of their writers."""
    nodes: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            nodes[name].append(node)
    given = {output.name for output in graph.output}
    for start, writer in layers.items():
        names, readers, clipped, closed = [start], [], False, True
        for name in names:  # which grows meanwhile
            closed = closed and name not in given
            for node in nodes[name]:
                if node.output[0] in layers:
                    readers.append(layers[node.output[0]])
                elif _keeps_factors(node, graph):
                    names.append(node.output[0])
                    clipped = clipped or node.op_type == "Clip"
                else:
                    closed = False
        if closed and readers:
            yield _Stretch(writer, readers, clipped)


def _keeps_factors(node: onnx.NodeProto, graph: onnx.GraphProto) -> bool:
    """Whether a factor before it does what it does behind it (of a Clip, while it lets through)."""
    if node.op_type == "Clip":
        low = [c for c in graph.initializer if c.name in node.input[1:2]]
        return bool(low) and not numpy_helper.to_array(low[0]).any()
    return node.op_type in ("Relu", "MaxPool")


def _not_equalised(graph: onnx.GraphProto, names: Collection[str]) -> list[str]:
    """Those of some convolutions' feature maps that are written as bytes before any activation."""
    activated = {n.input[0] for n in graph.node if n.op_type in ("Relu", "Clip")}
    return [
        node.output[0]
        for node in graph.node
        if node.op_type == "Conv" and node.output[0] in names and node.output[0] not in activated
    ]


def _lost(peaks: Vector, spreads: Vector) -> float:
    """What rounding to bytes adds, as a share of what most channels hold: standard deviations."""
    step = 2 * peaks.max() / 255
    return float(step / np.sqrt(12) / max(np.median(spreads), 1e-12))


def _factors(peaks: Vector, readers: Sequence[Layer]) -> Vector:
    """What makes channels alike, in full where no reader has weights of several to a step."""
    factors = 1 / _shares(peaks)
    reaches = [
        np.abs(reader.weights).max(axis=(1, 3)).ravel()  # the largest weight that an input meets
        for reader in readers
        if isinstance(reader, Convolution) and reader.weights.shape[2] > 1
    ]
    if reaches:
        factors = factors**SHARE * _shares(np.max(reaches, axis=0)) ** (1 - SHARE)
    return factors.astype(np.float32)


def _shares(values: Vector) -> Vector:
    """Of the largest, and no smaller than `FLOOR`."""
    highest = values.max()
    shares: Vector = np.maximum(values / highest, FLOOR) if highest > 0 else np.ones_like(values)
    return shares
