"""The way from a grid to a map over a large image: `maps.enlarge` in bands.

The matrices of `maps` have a number for each pair of a pixel and a cell of an axis: 200 MB for a
side of 20,000 pixels. But a pixel depends on the few cells around it. So the pixels of an axis are
made in bands of `BAND`, each by a matrix of its own over the cells that it needs, all of one size.
Columns come first, while there are few rows, and rows last, so that nothing as large as the map
is turned around.

Convention: as in `maps`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blemish.graph.builder import FLOAT, INT64, GraphBuilder
from blemish.graph.maps import bell_of, clamped, content_cells, mirrored
from blemish.graph.preprocessing import Geometry

BAND = 64  # pixels of the image that one matrix makes


def enlarge_in_bands(g: GraphBuilder, grid: str, sizes: Geometry, *, sigma_px: float) -> str:
    """Nodes from patch scores (N x h x w) to a map over the original image (N x H x W).

    Arguments are those of `maps.enlarge`, and so is the map, but for rounding.
    """
    grid_hw = g.op("Slice", g.op("Shape", grid), g.ints(1), g.ints(3), g.ints(0))
    rows, columns = (_bands(g, grid_hw, sizes, axis, sigma_px) for axis in (0, 1))
    cells = g.op("Gather", grid, columns.cells, axis=2)  # N x h x bands x L
    cells = g.op("Transpose", cells, perm=[0, 2, 1, 3])
    wide = g.op("MatMul", cells, g.op("Transpose", columns.weights, perm=[0, 2, 1]))
    wide = g.op("Reshape", g.op("Transpose", wide, perm=[0, 2, 1, 3]), g.ints(0, 0, -1))
    wide = g.op("Slice", wide, g.ints(0), columns.length, g.ints(2))  # N x h x W
    cells = g.op("Gather", wide, rows.cells, axis=1)  # N x bands x L x W
    whole = g.op("MatMul", rows.weights, cells)
    size = g.op("Concat", g.ints(0, -1), columns.length, axis=0)
    whole = g.op("Reshape", whole, size)
    return g.op("Slice", whole, g.ints(0), rows.length, g.ints(1))


@dataclass(frozen=True)
class _Bands:
    """Names of what makes the pixels of an axis: how many, int64 vector of one.

    `cells` are those that each band takes, bands x L, `weights` what they count for its pixels,
    bands x BAND x L.
    """

    length: str
    cells: str
    weights: str


def _bands(g: GraphBuilder, grid_hw: str, sizes: Geometry, axis: int, sigma_px: float) -> _Bands:
    place = g.constant(axis, np.int64)

    def length(name: str) -> str:
        return g.op("Cast", g.op("Gather", name, place), to=FLOAT)

    cells, image = length(grid_hw), length(sizes.image_hw)
    content, padded = length(sizes.content_hw), length(sizes.padded_hw)
    inside = g.op("Gather", content_cells(g, grid_hw, sizes), place)
    radius, bell = bell_of(sigma_px)

    one = g.number(1.0)
    step = g.op("Div", content, image)
    pixels = clamped(g, _pixels(g, image), step, content)  # bands x BAND, in the content
    first = g.op("Floor", g.op("Slice", pixels, g.ints(0), g.ints(1), g.ints(1)))
    reach = g.op("Add", g.op("Ceil", g.op("Mul", step, g.number(BAND))), g.number(2.0))
    lines = g.op("Add", first, g.op("Range", g.number(0.0), reach, one))  # bands x P

    start, end = g.number(-float(radius)), g.op("Add", reach, g.number(float(radius)))
    around = mirrored(g, g.op("Add", first, g.op("Range", start, end, one)), content)
    sources = clamped(g, around, g.op("Div", cells, padded), inside)
    low = g.op("Floor", g.op("ReduceMin", sources, g.ints(1), keepdims=1))
    spans = g.op("Sub", g.op("ReduceMax", sources, g.ints(1), keepdims=1), low)
    span = g.op("Add", g.op("Ceil", g.op("ReduceMax", spans, keepdims=0)), one)
    taken = g.op("Add", low, g.op("Range", g.number(0.0), span, one))  # bands x L

    weights = _shares(g, taken, sources)  # bands x L x (P and what is smoothed over)
    if radius:
        apart = g.op("Concat", g.ints(-1, 1), g.op("Shape", sources, start=1), axis=0)
        smooth = g.op("Conv", g.op("Reshape", weights, apart), g.constant(bell.reshape(1, 1, -1)))
        counts = g.op("Shape", taken)
        weights = g.op("Reshape", smooth, g.op("Concat", counts, g.ints(-1), axis=0))
    between = _shares(g, pixels, lines)  # bands x BAND x P
    weights = g.op("MatMul", between, g.op("Transpose", weights, perm=[0, 2, 1]))
    last = g.op("Sub", cells, one)  # beyond which nothing counts
    return _Bands(
        g.op("Gather", sizes.image_hw, g.ints(axis)),
        g.op("Cast", g.op("Min", taken, last), to=INT64),
        weights,
    )


def _pixels(g: GraphBuilder, image: str) -> str:
    """Numbers of pixels, bands x BAND; what fills the last band are copies of the last."""
    bands = g.op("Ceil", g.op("Div", image, g.number(BAND)))
    count = g.op("Mul", bands, g.number(BAND))
    numbers = g.op("Range", g.number(0.0), count, g.number(1.0))
    numbers = g.op("Min", numbers, g.op("Sub", image, g.number(1.0)))
    return g.op("Reshape", numbers, g.ints(-1, BAND))


def _shares(g: GraphBuilder, ones: str, others: str) -> str:
    """What each of `others` (bands x Q) counts for each of `ones` (bands x P): bands x P x Q."""
    gaps = g.op("Sub", g.op("Unsqueeze", ones, g.ints(2)), g.op("Unsqueeze", others, g.ints(1)))
    return g.op("Relu", g.op("Sub", g.number(1.0), g.magnitude(gaps)))
