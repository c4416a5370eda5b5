"""From decoded images to what a network takes, inside the graph: resize, pad, normalise.

Because these are nodes of the model, nothing can resize differently on the line than it did in
training.

Convention: axes are (height, width); a working image is `content_hw` large, padded at the bottom
and the right to `padded_hw`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from blemish.graph.builder import UINT8, UINT16, GraphBuilder, tensor
from blemish.graph.resizing import resize
from blemish.graph.working_size import THOUSANDTHS, WorkingSize
from blemish.images.format import ImageFormat

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Geometry:
    """Names of int64 vectors of two (height, width) in a graph."""

    image_hw: str
    content_hw: str
    padded_hw: str


def geometry(g: GraphBuilder, image_hw: str, size: WorkingSize) -> Geometry:
    """The sizes that follow from an image's size; twin of `WorkingSize.working_hw`."""
    if size.resize == "stretch":
        fixed = g.ints(*size.size_hw)
        return Geometry(image_hw, fixed, fixed)
    if size.resize == "scale":
        scaled = g.op("Div", g.op("Mul", image_hw, g.ints(size.scale)), g.ints(THOUSANDTHS))
    else:
        reduce = "ReduceMin" if size.resize == "shorter" else "ReduceMax"
        side = g.op(reduce, image_hw, g.ints(0), keepdims=1)
        scaled = g.op("Div", g.op("Mul", image_hw, g.ints(size.size_hw[0])), side)
    content = g.op("Max", scaled, g.ints(1))
    multiple = g.ints(size.multiple)
    blocks = g.op("Div", g.op("Add", content, g.ints(size.multiple - 1)), multiple)
    padded = g.op("Mul", blocks, multiple)
    if size.tiles is not None:
        padded = g.op("Max", padded, g.ints(*size.tiles.size_hw))
    return Geometry(image_hw, content, padded)


def image_input(image_format: ImageFormat) -> onnx.ValueInfoProto:
    """The graph's input `image`: N x H x W x 3, as decoded."""
    kind = UINT8 if image_format.bit_depth == 8 else UINT16
    return tensor("image", kind, "N", "H", "W", 3)


def image_hw(g: GraphBuilder, image: str = "image") -> str:
    """The height and width of the input, as an int64 vector."""
    return g.op("Slice", g.op("Shape", image), g.ints(1), g.ints(3), g.ints(0))


def preprocess(
    g: GraphBuilder,
    sizes: Geometry,
    size: WorkingSize,
    *,
    image_format: ImageFormat,
    mean: Sequence[float],
    std: Sequence[float],
) -> str:
    """Nodes from the input `image` to a normalised N x 3 x h x w float32 tensor."""
    known_hw = size.size_hw if size.resize == "stretch" else None
    resized = resize(g, "image", sizes.image_hw, sizes.content_hw, known_hw=known_hw)
    if size.resize != "stretch":
        missing = g.op("Sub", sizes.padded_hw, sizes.content_hw)
        resized = g.op(
            "Pad",
            resized,
            g.op("Concat", g.ints(0, 0), missing, axis=0),
            "",
            g.constant([2, 3], np.int64),
            mode="edge",
        )
    return normalise(g, resized, white_level=image_format.white_level, mean=mean, std=std)


def normalise(
    g: GraphBuilder, levels: str, *, white_level: float, mean: Sequence[float], std: Sequence[float]
) -> str:
    """Nodes from levels, N x 3 x h x w, to (share of white - mean) / std."""
    scale = 1.0 / (white_level * np.asarray(std, np.float64))
    shift = -np.asarray(mean, np.float64) / np.asarray(std, np.float64)
    scaled = g.op("Mul", levels, g.constant(scale.reshape(3, 1, 1)))
    return g.op("Add", scaled, g.constant(shift.reshape(3, 1, 1)))
