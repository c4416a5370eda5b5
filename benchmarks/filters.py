"""A backbone without training: moduli of oriented filters at four scales, as an ONNX file.

Gabor filters (even and odd) at each level of an image pyramid; the root of the sum of their
squares, averaged to a grid. Far from what a trained backbone can do, but it needs no weights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from blemish.backbones import annotate
from blemish.graph.builder import FLOAT, GraphBuilder, tensor

ORIENTATIONS = 8
SIDE = 9


def write_filters(path: Path) -> None:
    """Write the backbone; its levels are `fine` (stride 8) and `coarse` (stride 16)."""
    g = GraphBuilder()
    pyramid = ["image"]
    for _ in range(3):
        pyramid.append(pooled(g, pyramid[-1], 2))
    fine = [moduli(g, pyramid[0], 8), moduli(g, pyramid[1], 4), pooled(g, "image", 8)]
    coarse = [moduli(g, pyramid[2], 4), moduli(g, pyramid[3], 2)]
    for name, parts in (("fine", fine), ("coarse", coarse)):
        g.op("Concat", *parts, axis=1, name=name)
    model = g.build(
        [tensor("image", FLOAT, "N", 3, "H", "W")],
        [
            tensor(name, FLOAT, "N", f"c_{name}", f"h_{name}", f"w_{name}")
            for name in ("fine", "coarse")
        ],
    )
    onnx.save(model, path)
    annotate(
        path, path, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), licence="Apache-2.0",
        name="oriented-filters",
    )  # fmt: skip


def moduli(g: GraphBuilder, image: str, stride: int) -> str:
    """Strength of each orientation, averaged to a grid of that stride."""
    even, odd = (
        g.op("Conv", image, g.constant(filters(phase)), pads=[SIDE // 2] * 4)
        for phase in (0.0, np.pi / 2)
    )
    energy = g.op("Add", g.op("Mul", even, even), g.op("Mul", odd, odd))
    return pooled(g, g.op("Sqrt", g.op("Add", energy, g.number(1e-6))), stride)


def pooled(g: GraphBuilder, features: str, stride: int) -> str:
    """Means of squares of that side."""
    return g.op(
        "AveragePool", features, kernel_shape=[stride] * 2, strides=[stride] * 2, ceil_mode=1
    )


def filters(phase: float) -> NDArray[np.float32]:
    """Gabor filters on brightness, and on each of two colour differences: K x 3 x SIDE x SIDE."""
    rows, columns = np.indices((SIDE, SIDE)) - SIDE // 2
    bank = []
    for colours in ((1, 1, 1), (1, -1, 0), (0.5, 0.5, -1)):
        for number in range(ORIENTATIONS if sum(colours) else ORIENTATIONS // 2):
            angle = np.pi * number / (ORIENTATIONS if sum(colours) else ORIENTATIONS // 2)
            along = columns * np.cos(angle) + rows * np.sin(angle)
            bell = np.exp(-(rows**2 + columns**2) / (2 * 2.0**2))
            wave = np.cos(1.2 * along + phase) * bell
            wave -= bell * wave.sum() / bell.sum()
            wave /= np.abs(wave).sum()
            bank.append(np.array(colours)[:, None, None] / 3 * wave)
    return np.array(bank, np.float32)
