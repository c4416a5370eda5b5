"""From a grid of patch scores to a map over the original picture, as two matrix products.

Bilinear enlarging, Gaussian smoothing and the way back through the resizing of the picture are each
linear and separable, so the whole way is one matrix an axis: `map = A_h @ grid @ A_w.T`. The graph
builds both matrices from the sizes at hand, which may differ from picture to picture.

Convention: pixel centres at half (`align_corners` false); enlarging repeats the border cell; the
Gaussian is cut off at four sigma and mirrors the border pixel (`reflect` of `scipy.ndimage`).
"""

from __future__ import annotations

import numpy as np

from blemish.graph.builder import FLOAT, GraphBuilder
from blemish.graph.preprocessing import Geometry

TRUNCATE_SIGMAS = 4.0


def enlarge(g: GraphBuilder, grid: str, sizes: Geometry, *, sigma_px: float) -> str:
    """Nodes from patch scores (N x h x w) to a map over the original picture (N x H x W).

    Args:
        g: where to add them.
        grid: name of the patch scores.
        sizes: of the picture and the working picture.
        sigma_px: of the Gaussian, in pixels of the working picture; 0 leaves it out.
    """
    grid_hw = g.op("Slice", g.op("Shape", grid), g.ints(1), g.ints(3), g.ints(0))
    rows, columns = (_axis_matrix(g, grid_hw, sizes, axis, sigma_px) for axis in (0, 1))
    return g.op("MatMul", g.op("MatMul", rows, grid), g.op("Transpose", columns, perm=[1, 0]))


def content_cells(g: GraphBuilder, grid_hw: str, sizes: Geometry) -> str:
    """How many cells of the grid have their centre inside the content, a vector of two."""
    cells, padded, content = (
        g.op("Cast", name, to=FLOAT) for name in (grid_hw, sizes.padded_hw, sizes.content_hw)
    )
    covered = g.op("Div", g.op("Mul", content, cells), padded)
    inside = g.op("Ceil", g.op("Sub", covered, g.number(0.5)))
    return g.op("Max", inside, g.number(1.0))


def _axis_matrix(g: GraphBuilder, grid_hw: str, sizes: Geometry, axis: int, sigma_px: float) -> str:
    """The matrix (picture pixels x cells) of one axis."""

    def length(name: str) -> str:
        return g.op("Cast", g.op("Gather", name, g.constant(axis, np.int64)), to=FLOAT)

    cells, picture = length(grid_hw), length(sizes.picture_hw)
    content, padded = length(sizes.content_hw), length(sizes.padded_hw)
    inside = g.op("Gather", content_cells(g, grid_hw, sizes), g.constant(axis, np.int64))
    to_content = _bilinear(
        g, outputs=content, inputs=cells, step=g.op("Div", cells, padded), last=inside
    )
    if sigma_px > 0:
        to_content = g.op("MatMul", _gaussian(g, content, sigma_px), to_content)
    to_picture = _bilinear(
        g, outputs=picture, inputs=content, step=g.op("Div", content, picture), last=content
    )
    return g.op("MatMul", to_picture, to_content)


def _bilinear(g: GraphBuilder, *, outputs: str, inputs: str, step: str, last: str) -> str:
    """Weights (outputs x inputs) of linear interpolation; no source lies beyond `last` - 1."""
    centres = g.op("Mul", g.op("Add", _count(g, outputs), g.number(0.5)), step)
    sources = g.op("Sub", centres, g.number(0.5))
    sources = g.op("Min", g.op("Max", sources, g.number(0.0)), g.op("Sub", last, g.number(1.0)))
    gap = g.op("Abs", g.op("Sub", _column(g, sources), _count(g, inputs)))
    return g.op("Relu", g.op("Sub", g.number(1.0), gap))


def _gaussian(g: GraphBuilder, length: str, sigma_px: float) -> str:
    """Weights (length x length) of a Gaussian with mirrored borders; each row adds up to 1."""
    across = _count(g, length)
    down = _column(g, across)
    mirror = g.op("Add", g.op("Add", down, across), g.number(1.0))
    offsets = (
        g.op("Sub", down, across),
        mirror,
        g.op("Sub", g.op("Mul", length, g.number(2.0)), mirror),
    )
    radius = int(TRUNCATE_SIGMAS * sigma_px + 0.5)
    weights = g.op("Sum", *(_bell(g, offset, sigma_px, radius) for offset in offsets))
    return g.op("Div", weights, g.op("ReduceSum", weights, g.ints(1), keepdims=1))


def _bell(g: GraphBuilder, offset: str, sigma_px: float, radius: int) -> str:
    exponent = g.op("Mul", g.op("Mul", offset, offset), g.number(-0.5 / sigma_px**2))
    near = g.op("LessOrEqual", g.op("Abs", offset), g.number(radius))
    return g.op("Mul", g.op("Exp", exponent), g.op("Cast", near, to=FLOAT))


def _count(g: GraphBuilder, length: str) -> str:
    return g.op("Range", g.number(0.0), length, g.number(1.0))


def _column(g: GraphBuilder, vector: str) -> str:
    return g.op("Unsqueeze", vector, g.ints(1))
