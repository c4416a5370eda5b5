"""A backbone in whole numbers of 8 bits: faster, and a little different.

Good images run through the network say how: its channels are made of like size (`evened`), its
weights are rounded (`rounded`), and the range of each feature map becomes that of its bytes, which
ONNX Runtime's own tool does. What it gives is standard ONNX (QuantizeLinear, DequantizeLinear):
runtimes compute with it in whole numbers, or in floats at worst.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from blemish.backbones.backbone import Backbone
from blemish.graph.runtime import quantization
from blemish.quantisation.equalisation import equalise
from blemish.quantisation.gptq import round_weights
from blemish.quantisation.stem import float_stem, in_blocks

FLOATS = "blemish/floats"  # nodes that stay in floats


def to_int8(
    backbone: Backbone, images: Iterable[NDArray[np.float32]], *, even_sides: bool = False
) -> Backbone:
    """Quantise a backbone with the images that it is to see.

    Weights keep 7 bits, so that processors which add products of bytes in 16 bits (those without
    VNNI) give the same numbers.

    Args:
        backbone: what to quantise.
        images: good ones, normalised as the backbone takes them, V x 3 x H x W each: first as
            it is, then in variants that widen the ranges. They are read three times.
        even_sides: it will only see images of even height and width.
    """
    tool = quantization()
    with tempfile.TemporaryDirectory() as name, _unheard():
        given, simplified, ready, quantised = (Path(name) / f"{i}.onnx" for i in range(4))
        onnx.save(backbone.graph, given)
        tool.shape_inference.quant_pre_process(given, simplified, skip_symbolic_shape=True)
        plain = onnx.load(simplified)
        stem = float_stem(plain, backbone.entry)
        evened, coarse = equalise(plain, backbone.entry, images)
        in_floats = coarse if stem is None else coarse | {stem}
        rounded = round_weights(evened, backbone.entry, images, in_floats=in_floats)
        excluded = _leave_in_floats(rounded.graph, in_floats)
        if even_sides and stem is None:
            rounded = in_blocks(rounded, backbone.entry)
        onnx.save(rounded, ready)
        tool.quantize_static(
            ready,
            quantised,
            _Ranges(backbone.entry, iter(images)),
            quant_format=tool.QuantFormat.QDQ,
            activation_type=tool.QuantType.QUInt8,
            weight_type=tool.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            nodes_to_exclude=excluded,
        )
        return replace(backbone, graph=_floats_stay(onnx.load(quantised)))


def _leave_in_floats(graph: onnx.GraphProto, in_floats: set[str]) -> list[str]:
    """Name the nodes that are to stay in floats, and tell their names.

    Those are normalisations, whose constants would be rounded and share a step; what is added up
    before them, since they bring out channels that have little share in the sum; and what gives
    the feature maps that are told.
    """
    normalised = {n.input[0] for n in graph.node if n.op_type == "BatchNormalization"}
    found = [
        node
        for node in graph.node
        if node.op_type == "BatchNormalization"
        or (node.op_type == "Add" and node.output[0] in normalised)
        or node.output[0] in in_floats
    ]
    for i, node in enumerate(found):
        node.name = f"{FLOATS}/{i}"
    return [node.name for node in found]


def _floats_stay(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same numbers, so that runtimes leave the convolutions in floats as they are.

    Between whole numbers, ONNX Runtime (1.23 to 1.32) rounds a convolution's weights itself when it
    loads the graph, to 8 bits, whose sums overflow on processors without VNNI. It does not where an
    activation follows; this one changes nothing, and is merged into the convolution.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        nodes.append(node)
        if node.op_type == "Conv" and node.input[1] in weights:
            name, node.output[0] = node.output[0], f"{node.output[0]}/float"
            nodes.append(onnx.helper.make_node("LeakyRelu", [node.output[0]], [name], alpha=1.0))
    kept = onnx.ModelProto()
    kept.CopyFrom(model)
    del kept.graph.node[:]
    kept.graph.node.extend(nodes)
    return kept


@contextmanager
def _unheard() -> Iterator[None]:
    """Drop what ONNX Runtime's tool says by the root logger, and keep it from setting that up."""

    def drop(_record: logging.LogRecord) -> bool:
        return False

    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    root.addFilter(drop)
    try:
        yield
    finally:
        root.removeFilter(drop)
        root.removeHandler(handler)


class _Ranges:
    """Images as ONNX Runtime's tool asks for them."""

    def __init__(self, entry: str, images: Iterator[NDArray[np.float32]]) -> None:
        self._entry = entry
        self._images = images

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        image = next(self._images, None)
        return None if image is None else {self._entry: image}
