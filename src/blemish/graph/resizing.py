"""Antialiased bilinear resizing as products of matrices, which every runtime works out alike.

`Resize` with `antialias` would be one node, but some runtimes ignore the attribute (OpenVINO) and
others are off by its rounding (ONNX Runtime, by up to 2e-3 grey levels). Resizing is linear and
separable: a row of the result is a weighted sum of rows of the image, and so along columns. Rows
of the result that follow each other need rows of the image that nearly do, so a band of them is
made with a product of its own, over a few rows of the image rather than all.

Convention: Pillow's. Pixel centres at half; a triangle filter as wide as the reduction, and never
narrower than a pixel; what lies outside the image has no weight. Places are whole numbers, in
units of 1 / (2 x outputs) of a pixel, so no size is too large to be exact.
"""

from __future__ import annotations

import numpy as np

from blemish.graph.builder import FLOAT, GraphBuilder

BAND = 8  # rows of the result that one product makes


def resize(
    g: GraphBuilder,
    planes: str,
    from_hw: str,
    to_hw: str,
    *,
    known_hw: tuple[int, int] | None = None,
) -> str:
    """Nodes from planes (N x C x H x W, any numbers) to N x C x h x w, float32.

    Args:
        g: where to add them.
        planes: name of what is resized.
        from_hw: name of its height and width, an int64 vector.
        to_hw: name of the wanted ones.
        known_hw: the wanted ones, where they never vary.
    """
    for axis in (0, 1):
        inputs, outputs = (g.op("Gather", hw, g.ints(axis)) for hw in (from_hw, to_hw))
        whole_bands = known_hw is not None and known_hw[axis] % BAND == 0
        rows = _resized_rows(g, planes, inputs, outputs, whole_bands=whole_bands)
        planes = g.op("Transpose", rows, perm=[0, 1, 3, 2])  # the other axis is next
    return planes


def _resized_rows(
    g: GraphBuilder, planes: str, inputs: str, outputs: str, *, whole_bands: bool
) -> str:
    """Planes with another number of rows."""
    centres, widest = _centres(g, inputs, outputs), g.op("Max", inputs, outputs)
    taken = _taken(g, centres, inputs, outputs, widest)
    weights = _weights(g, centres, taken, outputs, widest)
    bands = g.op("Cast", g.op("Gather", planes, taken, axis=2), to=FLOAT)  # N x C x bands x L x W
    width = g.op("Slice", g.op("Shape", planes), g.ints(3), g.ints(4), g.ints(0))
    size = g.op("Concat", g.ints(0, 0, -1), width, axis=0)
    rows = g.op("Reshape", g.op("MatMul", weights, bands), size)
    return rows if whole_bands else g.op("Slice", rows, g.ints(0), outputs, g.ints(2))


def _centres(g: GraphBuilder, inputs: str, outputs: str) -> str:
    """Where the centre of each row of the result lies in the image, bands x BAND.

    What fills the last band are copies of the last row.
    """
    bands = g.op("Div", g.op("Add", outputs, g.ints(BAND - 1)), g.ints(BAND))
    rows = g.op("Min", _count(g, g.op("Mul", bands, g.ints(BAND))), _less_one(g, outputs))
    return g.op("Reshape", g.op("Mul", _odd(g, rows), inputs), g.ints(-1, BAND))


def _taken(g: GraphBuilder, centres: str, inputs: str, outputs: str, widest: str) -> str:
    """Rows of the image that each band may need, bands x L."""
    reach = g.op("Mul", widest, g.ints(2))
    first = g.op("Slice", centres, g.ints(0), g.ints(1), g.ints(1))
    last = g.op("Mul", inputs, g.ints(2 * (BAND - 1)))  # from the first, at most
    units = g.op("Mul", outputs, g.ints(2))
    span = g.op("Div", g.op("Add", last, g.op("Mul", reach, g.ints(2))), units)
    span = g.op("Min", g.op("Add", span, g.ints(2)), inputs)
    start = g.op("Sub", first, g.op("Add", reach, outputs))
    start = g.op("Div", g.op("Max", start, g.ints(0)), units)
    start = g.op("Min", start, g.op("Sub", inputs, span))
    return g.op("Add", start, _count(g, span))


def _weights(g: GraphBuilder, centres: str, taken: str, outputs: str, widest: str) -> str:
    """What each row of the image counts for each row of the result, bands x BAND x L."""
    places = g.op("Unsqueeze", g.op("Mul", _odd(g, taken), outputs), g.ints(1))
    gaps = g.magnitude(g.op("Sub", g.op("Unsqueeze", centres, g.ints(2)), places))
    reach = g.op("Mul", widest, g.ints(2))
    gaps, reach = (g.op("Cast", x, to=FLOAT) for x in (gaps, reach))
    heights = g.op("Relu", g.op("Sub", g.number(1.0), g.op("Div", gaps, reach)))
    return g.op("Div", heights, g.op("ReduceSum", heights, g.ints(2), keepdims=1))


def _count(g: GraphBuilder, length: str) -> str:
    zero, one = (g.constant(value, np.int64) for value in (0, 1))
    return g.op("Range", zero, g.op("Squeeze", length, g.ints(0)), one)


def _odd(g: GraphBuilder, index: str) -> str:
    """Twice the middle of a pixel."""
    return g.op("Add", g.op("Mul", index, g.ints(2)), g.ints(1))


def _less_one(g: GraphBuilder, length: str) -> str:
    return g.op("Sub", length, g.ints(1))
