"""From a grid of patch scores to a map over the original image, as two matrix products.

Bilinear enlarging, Gaussian smoothing and the way back through the resizing of the image are each
linear and separable, so the whole way is one matrix an axis: `map = A_h @ grid @ A_w.T`. The graph
builds both matrices from the sizes at hand, which may differ from image to image.

Convention: pixel centres at half (`align_corners` false); enlarging repeats the border cell; the
Gaussian is cut off at four sigma and mirrors the border pixel (`reflect` of `scipy.ndimage`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blemish.graph.builder import FLOAT, INT64, GraphBuilder
from blemish.graph.preprocessing import Geometry

TRUNCATE_SIGMAS = 4.0


def enlarge(
    g: GraphBuilder, grid: str, sizes: Geometry, *, sigma_px: float, grid_hw: str | None = None
) -> str:
    """Nodes from patch scores (N x h x w) to a map over the original image (N x H x W).

    Args:
        g: where to add them.
        grid: name of the patch scores.
        sizes: of the image and the working image.
        sigma_px: of the Gaussian, in pixels of the working image; 0 leaves it out.
        grid_hw: name of (h, w), where the caller has a constant; runtimes then work most of this
            out when they load the graph.
    """
    grid_hw = grid_hw or g.op("Slice", g.op("Shape", grid), g.ints(1), g.ints(3), g.ints(0))
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


def bell_of(sigma_px: float) -> tuple[int, NDArray[np.float64]]:
    """The Gaussian, and how many pixels to each side it reaches; 0 for none."""
    radius = int(TRUNCATE_SIGMAS * sigma_px + 0.5)
    if not radius:
        return 0, np.ones(1)
    bell = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_px) ** 2)
    return radius, bell / bell.sum()


def clamped(g: GraphBuilder, places: str, step: str, length: str) -> str:
    """Where pixels lie among so many larger ones, none before the first or beyond the last."""
    centres = g.op("Mul", g.op("Add", places, g.number(0.5)), step)
    among = g.op("Sub", centres, g.number(0.5))
    return g.op("Min", g.op("Max", among, g.number(0.0)), g.op("Sub", length, g.number(1.0)))


def mirrored(g: GraphBuilder, lines: str, length: str) -> str:
    """Lines beyond a border are those as far inside it: -1 is 0, `length` is `length` - 1."""
    half = g.number(0.5)
    above = g.op("Sub", g.magnitude(g.op("Add", lines, half)), half)
    excess = g.op("Relu", g.op("Sub", above, g.op("Sub", length, half)))
    below = g.op("Sub", above, g.op("Mul", excess, g.number(2.0)))
    return g.op("Max", below, g.number(0.0))


def _axis_matrix(g: GraphBuilder, grid_hw: str, sizes: Geometry, axis: int, sigma_px: float) -> str:
    """The matrix (image pixels x cells) of one axis."""

    def length(name: str) -> str:
        return g.op("Cast", g.op("Gather", name, g.constant(axis, np.int64)), to=FLOAT)

    cells, image = length(grid_hw), length(sizes.image_hw)
    content, padded = length(sizes.content_hw), length(sizes.padded_hw)
    inside = g.op("Gather", content_cells(g, grid_hw, sizes), g.constant(axis, np.int64))
    to_content = _bilinear(
        g, outputs=content, inputs=cells, step=g.op("Div", cells, padded), last=inside
    )
    if sigma_px > 0:
        to_content = _smoothed(g, to_content, content, sigma_px)
    return _interpolated(g, to_content, image, step=g.op("Div", content, image), last=content)


def _bilinear(g: GraphBuilder, *, outputs: str, inputs: str, step: str, last: str) -> str:
    """Weights (outputs x inputs) of linear interpolation; no source lies beyond `last` - 1."""
    gap = g.op("Sub", _column(g, clamped(g, _count(g, outputs), step, last)), _count(g, inputs))
    return g.op("Relu", g.op("Sub", g.number(1.0), g.magnitude(gap)))


def _interpolated(g: GraphBuilder, rows: str, outputs: str, *, step: str, last: str) -> str:
    """Rows between rows: the same as a product with `_bilinear`, which could be very large."""
    sources = clamped(g, _count(g, outputs), step, last)
    low = g.op("Floor", sources)
    high = g.op("Min", g.op("Add", low, g.number(1.0)), g.op("Sub", last, g.number(1.0)))
    before, after = (
        g.op("Gather", rows, g.op("Cast", index, to=INT64), axis=0) for index in (low, high)
    )
    share = _column(g, g.op("Sub", sources, low))
    return g.op("Add", before, g.op("Mul", g.op("Sub", after, before), share))


def _smoothed(g: GraphBuilder, weights: str, length: str, sigma_px: float) -> str:
    """Weights (length x cells) smoothed along their length, the border rows mirrored."""
    radius, bell = bell_of(sigma_px)
    reach = g.number(radius)
    rows = g.op("Range", g.op("Neg", reach), g.op("Add", length, reach), g.number(1.0))
    around = g.op("Cast", mirrored(g, rows, length), to=INT64)
    padded = g.op("Transpose", g.op("Gather", weights, around, axis=0), perm=[1, 0])
    kernel = g.constant(bell.reshape(1, 1, -1))
    smooth = g.op("Conv", g.op("Unsqueeze", padded, g.ints(1)), kernel)
    return g.op("Transpose", g.op("Squeeze", smooth, g.ints(1)), perm=[1, 0])


def _count(g: GraphBuilder, length: str) -> str:
    return g.op("Range", g.number(0.0), length, g.number(1.0))


def _column(g: GraphBuilder, vector: str) -> str:
    return g.op("Unsqueeze", vector, g.ints(1))
