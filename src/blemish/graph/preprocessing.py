"""From decoded images to what a network takes, inside the graph: resize, pad, normalise.

Because these are nodes of the model, nothing can resize differently on the line than it did in
training.

Convention: axes are (height, width); a working image is `content_hw` large, padded at the bottom
and the right to `padded_hw`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from blemish.graph.builder import UINT8, UINT16, GraphBuilder, tensor
from blemish.graph.resizing import resize
from blemish.images.format import ImageFormat

if TYPE_CHECKING:
    import onnx

FITS = ("stretch", "shorter", "longer")


@dataclass(frozen=True)
class WorkingSize:
    """How images of any size become working images.

    `stretch` gives every image `size_hw`; `shorter` scales the shorter side to `size_hw[0]` and
    keeps the aspect, `longer` the longer side; both pad to a multiple of `multiple` pixels.
    """

    size_hw: tuple[int, int]
    fit: str = "stretch"
    multiple: int = 1

    def working_hw(self, image_hw: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """(content_hw, padded_hw) of an image of that size; the twin of `resized_hw` below."""
        if self.fit == "stretch":
            return self.size_hw, self.size_hw
        side = min(image_hw) if self.fit == "shorter" else max(image_hw)
        content = tuple(max(1, self.size_hw[0] * length // side) for length in image_hw)
        padded = tuple(-(-length // self.multiple) * self.multiple for length in content)
        return (content[0], content[1]), (padded[0], padded[1])

    @property
    def always_even(self) -> bool:
        """Whether height and width are even whatever the image's size."""
        sides = self.size_hw if self.fit == "stretch" else (self.multiple,)
        return all(side % 2 == 0 for side in sides)

    def cells_inside(self, image_hw: tuple[int, int], grid_hw: tuple[int, ...]) -> tuple[int, int]:
        """How many cells of a grid over the padded image have their centre on the image."""
        content, padded = self.working_hw(image_hw)
        rows, columns = (
            max(1, ceil(inside * cells / whole - 0.5))
            for inside, cells, whole in zip(content, grid_hw, padded, strict=True)
        )
        return rows, columns


@dataclass(frozen=True)
class Geometry:
    """Names of int64 vectors of two (height, width) in a graph."""

    image_hw: str
    content_hw: str
    padded_hw: str


def geometry(g: GraphBuilder, image_hw: str, size: WorkingSize) -> Geometry:
    """The sizes that follow from an image's size; twin of `WorkingSize.working_hw`."""
    if size.fit == "stretch":
        fixed = g.ints(*size.size_hw)
        return Geometry(image_hw, fixed, fixed)
    reduce = "ReduceMin" if size.fit == "shorter" else "ReduceMax"
    side = g.op(reduce, image_hw, g.ints(0), keepdims=1)
    scaled = g.op("Div", g.op("Mul", image_hw, g.ints(size.size_hw[0])), side)
    content = g.op("Max", scaled, g.ints(1))
    multiple = g.ints(size.multiple)
    blocks = g.op("Div", g.op("Add", content, g.ints(size.multiple - 1)), multiple)
    return Geometry(image_hw, content, g.op("Mul", blocks, multiple))


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
    known_hw = size.size_hw if size.fit == "stretch" else None
    resized = resize(g, "image", sizes.image_hw, sizes.content_hw, known_hw=known_hw)
    if size.fit != "stretch":
        missing = g.op("Sub", sizes.padded_hw, sizes.content_hw)
        resized = g.op(
            "Pad",
            resized,
            g.op("Concat", g.ints(0, 0), missing, axis=0),
            "",
            g.constant([2, 3], np.int64),
            mode="edge",
        )
    scale = 1.0 / (image_format.white_level * np.asarray(std, np.float64))
    shift = -np.asarray(mean, np.float64) / np.asarray(std, np.float64)
    scaled = g.op("Mul", resized, g.constant(scale.reshape(3, 1, 1)))
    return g.op("Add", scaled, g.constant(shift.reshape(3, 1, 1)))
