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

from dataclasses import dataclass

import numpy as np

from blemish.graph.builder import FLOAT, GraphBuilder

BAND = 8  # rows of the result that one product makes
COLOURS = 3


def resize(
    g: GraphBuilder,
    image: str,
    from_hw: str,
    to_hw: str,
    *,
    known_hw: tuple[int, int] | None = None,
) -> str:
    """Nodes from an image (N x H x W x 3, any numbers) to N x 3 x h x w, float32.

    Rows come first, as they lie in memory: nothing is turned around before most of it is gone, and
    then only whole rows, since moving three colours at a time takes longer than all the products.

    Args:
        g: where to add them.
        image: name of what is resized.
        from_hw: name of its height and width, an int64 vector.
        to_hw: name of the wanted ones.
        known_hw: the wanted ones, where they never vary.
    """
    (height, width), (rows, columns) = _sides(g, from_hw), _sides(g, to_hw)
    whole = [known_hw is not None and known_hw[axis] % BAND == 0 for axis in (0, 1)]
    lines = g.op("Reshape", image, g.ints(0, 0, -1))  # N x H x (W 3)
    lines = _resized_rows(g, lines, height, rows, whole_bands=whole[0])
    lines = g.op("Transpose", lines, perm=[0, 2, 1])  # N x (W 3) x h
    lines = g.op("Reshape", lines, g.op("Concat", g.ints(0), width, g.ints(-1), axis=0))
    lines = _resized_rows(g, lines, width, columns, whole_bands=whole[1])  # N x w x (3 h)
    lines = g.op("Reshape", lines, g.op("Concat", g.ints(0, 0, COLOURS), rows, axis=0))
    return g.op("Transpose", lines, perm=[0, 2, 3, 1])


def resized_window(
    g: GraphBuilder,
    image: str,
    from_hw: str,
    to_hw: str,
    *,
    origin: str,
    window_hw: tuple[int, int],
) -> str:
    """Nodes from an image to a part of the resized one alone, by the pixels that it needs.

    What of the part lies beyond the resized image repeats its last rows and columns.

    Args:
        g: where to add the nodes.
        image: name of what is resized, N x H x W x 3, any numbers.
        from_hw: name of its height and width, an int64 vector.
        to_hw: name of the wanted ones.
        origin: name of the part's first row and column, an int64 vector.
        window_hw: its height and width.

    Returns:
        The name of the part, N x 3 x h x w, float32.
    """
    (height, width), (rows, columns) = _sides(g, from_hw), _sides(g, to_hw)
    (top, left), (down, across) = _sides(g, origin), window_hw
    of_rows = _window_of(g, height, rows, top, down)
    of_columns = _window_of(g, width, columns, left, across)
    starts = g.op("Concat", of_rows.first, of_columns.first, axis=0)
    ends = g.op("Concat", of_rows.end, of_columns.end, axis=0)
    cut = g.op("Slice", image, starts, ends, g.ints(1, 2))
    lines = _made(g, g.op("Reshape", cut, g.ints(0, 0, -1)), of_rows, down)  # N x h x (W 3)
    lines = g.op("Transpose", lines, perm=[0, 2, 1])
    lines = g.op("Reshape", lines, g.ints(0, -1, COLOURS * down))
    lines = _made(g, lines, of_columns, across)  # N x w x (3 h)
    lines = g.op("Reshape", lines, g.ints(0, 0, COLOURS, down))
    return g.op("Transpose", lines, perm=[0, 2, 3, 1])


@dataclass(frozen=True)
class _Window:
    """Names of what makes some rows of a result.

    Attributes:
        first, end: of the rows of the image that it needs.
        taken: which of these each band takes, bands x L.
        weights: what they count for its rows, bands x BAND x L.
    """

    first: str
    end: str
    taken: str
    weights: str


def _window_of(g: GraphBuilder, inputs: str, outputs: str, start: str, count: int) -> _Window:
    bands = g.ints(-(-count // BAND))
    centres = _centres(g, inputs, outputs, bands=bands, start=start)
    widest = g.op("Max", inputs, outputs)
    taken = _taken(g, centres, inputs, outputs, widest)
    weights = _weights(g, centres, taken, outputs, widest)
    flat = g.op("Reshape", taken, g.ints(-1))
    first = g.op("ReduceMin", flat, g.ints(0), keepdims=1)
    last = g.op("ReduceMax", flat, g.ints(0), keepdims=1)
    end = g.op("Add", last, g.ints(1))
    return _Window(first, end, g.op("Sub", taken, first), weights)


def _made(g: GraphBuilder, lines: str, window: _Window, count: int) -> str:
    """So many lines of a result from those of the image (N x lines x numbers), float32."""
    bands = g.op("Cast", g.op("Gather", lines, window.taken, axis=1), to=FLOAT)
    numbers = g.op("Slice", g.op("Shape", lines), g.ints(2), g.ints(3), g.ints(0))
    size = g.op("Concat", g.ints(0, -1), numbers, axis=0)
    made = g.op("Reshape", g.op("MatMul", window.weights, bands), size)
    return made if count % BAND == 0 else g.op("Slice", made, g.ints(0), g.ints(count), g.ints(1))


def _sides(g: GraphBuilder, hw: str) -> tuple[str, str]:
    """Height and width, vectors of one number each."""
    return g.op("Gather", hw, g.ints(0)), g.op("Gather", hw, g.ints(1))


def _resized_rows(
    g: GraphBuilder, lines: str, inputs: str, outputs: str, *, whole_bands: bool
) -> str:
    """Another number of lines (N x lines x numbers), float32."""
    centres, widest = _centres(g, inputs, outputs), g.op("Max", inputs, outputs)
    taken = _taken(g, centres, inputs, outputs, widest)
    weights = _weights(g, centres, taken, outputs, widest)
    bands = g.op("Cast", g.op("Gather", lines, taken, axis=1), to=FLOAT)  # N x bands x L x numbers
    numbers = g.op("Slice", g.op("Shape", lines), g.ints(2), g.ints(3), g.ints(0))
    size = g.op("Concat", g.ints(0, -1), numbers, axis=0)
    made = g.op("Reshape", g.op("MatMul", weights, bands), size)
    return made if whole_bands else g.op("Slice", made, g.ints(0), outputs, g.ints(1))


def _centres(
    g: GraphBuilder,
    inputs: str,
    outputs: str,
    *,
    bands: str | None = None,
    start: str | None = None,
) -> str:
    """Where the centre of each row of the result lies in the image, bands x BAND.

    What fills the last band are copies of the last row. All bands, or so many from a row on.
    """
    bands = bands or g.op("Div", g.op("Add", outputs, g.ints(BAND - 1)), g.ints(BAND))
    rows = _count(g, g.op("Mul", bands, g.ints(BAND)))
    rows = g.op("Min", rows if start is None else g.op("Add", rows, start), _less_one(g, outputs))
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
