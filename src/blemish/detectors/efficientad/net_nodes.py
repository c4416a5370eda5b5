"""Nodes of a net that is given as a list of layers, twin of `nets.Net`."""

from __future__ import annotations

from collections.abc import Sequence

from blemish.detectors.efficientad.architecture import NetLayer, Weights
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
    x = image
    for layer in layers:
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
        weight, bias = (g.constant(weights[f"{layer.name}.{part}"]) for part in ("weight", "bias"))
        x = g.op(
            "Conv",
            x,
            weight,
            bias,
            kernel_shape=list(layer.kernel_hw),
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
        )
        x = g.op("Add", x, before) if layer.skips else x
        x = g.op("Relu", x) if layer.rectified else x
        x = g.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]) if layer.pooled else x
    return g.op("Identity", x, name=name)
