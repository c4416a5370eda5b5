"""Nodes of a net that is given as a list of layers, twin of `nets.Net`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from blemish.detectors.nets.layer import NetLayer, Weights
from blemish.graph.builder import GraphBuilder


def add_net(
    g: GraphBuilder,
    image: str,
    layers: Sequence[NetLayer],
    weights: Weights,
    *,
    name: str | None = None,
) -> str:
    """Nodes of a net; its features, N x features x h x w, go by `name`."""
    x, given = image, []
    ends: dict[str, str] = {}
    for layer in layers:
        x = _add_layer(g, x if layer.of is None else ends[layer.of], layer, weights)
        ends[layer.name] = x
        if layer.head:
            given.append(x)
    if len(given) == 1:
        return g.op("Identity", given[0], name=name)
    return g.op("Concat", *given, axis=1, name=name)


def _add_layer(g: GraphBuilder, x: str, layer: NetLayer, weights: Weights) -> str:
    before = x
    if layer.enlarged_hw is not None:
        x = g.op(
            "Resize",
            x,
            "",
            "",
            g.ints(*layer.enlarged_hw),
            mode="linear",
            axes=[2, 3],
            coordinate_transformation_mode="half_pixel",
        )
    if layer.enlarged_by > 1:
        x = enlarged(g, x, layer.enlarged_by)
    weight, bias = (g.constant(weights[f"{layer.name}.{part}"]) for part in ("weight", "bias"))
    x = g.op(
        "Conv",
        x,
        weight,
        bias,
        kernel_shape=list(layer.kernel_hw),
        strides=[layer.stride] * 2,
        dilations=[layer.dilation] * 2,
        pads=[layer.padding] * 4,
    )
    x = g.op("Add", x, before) if layer.skips else x
    x = g.op("Relu", x) if layer.rectified else x
    return g.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]) if layer.pooled else x


def enlarged(g: GraphBuilder, features: str, factor: int) -> str:
    """Nodes that give N x C x h x w features so many cells for each, bilinearly."""
    factors = g.constant(np.array([1, 1, factor, factor]), np.float32)
    return g.op(
        "Resize",
        features,
        "",
        factors,
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )
