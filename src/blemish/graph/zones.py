"""Zones as part of a graph: nodes in front of a detector's, and nodes behind its map.

In front, the box around what is inspected is cut out and the rest of it filled with one colour, so
that nothing else reaches the detector. Behind, the map of the box becomes one of the image, 0
outside of the zones. Any detector's graph can be between. Where zones have thresholds of their own,
the map is told in multiples of these, and its highest value is the score.

Which pixels are inspected is a constant of one bit a pixel, told apart by arithmetic that every
runtime has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blemish.graph.builder import FLOAT, INT32, UINT16, GraphBuilder
from blemish.graph.preprocessing import image_input
from blemish.images.format import ImageFormat
from blemish.zones import Inspected

if TYPE_CHECKING:
    import onnx

PREFIX = "zones/"
BITS = 8
LOWEST = -1e38  # where nothing is inspected, so that it is never the highest


def within_zones(
    model: onnx.ModelProto,
    zones: Inspected,
    fill: Sequence[int],
    image_format: ImageFormat,
    *,
    weights: Sequence[float] = (),
) -> onnx.ModelProto:
    """A detector's graph that sees and tells of zones alone.

    Args:
        model: from `image`, what `Inspected.seen` gives, to `score`, `score_map` and more.
        zones: of whole images.
        fill: the colour between them.
        image_format: of both.
        weights: of the zones, by which the map of each is multiplied, and whose highest value is
            the score then; none for score and map as the detector gives them.

    Where images stay whole, the score is the highest value of the map within the zones.
    """
    g = GraphBuilder(PREFIX)
    labels = None if zones.fills_its_box and not weights else _labels(g, zones)
    inside = None
    if labels is not None and not zones.fills_its_box:
        inside = g.op("Greater", labels, g.number(0.0))
    (top, bottom), (left, right) = ((side.start, side.stop) for side in zones.box)
    image = "image"
    if zones.box_hw != zones.size_hw:
        image = g.op("Slice", image, g.ints(top, left), g.ints(bottom, right), g.ints(1, 2))
    if inside is not None and zones.cut:
        image = _filled(g, image, inside, fill, image_format)
    box_map = f"{PREFIX}score_map"
    ours = {"image": image, "score_map": box_map}
    by_map = bool(weights) or not zones.cut
    if by_map:
        ours["score"] = f"{PREFIX}score"  # which nobody asks for
    found = g.include(model, prefix="", inputs=ours)
    if labels is not None and weights:
        each = g.constant([0.0, *weights])
        box_map = g.op("Mul", box_map, g.op("Gather", each, g.op("Cast", labels, to=INT32)))
    if by_map:
        there = box_map if inside is None else g.op("Where", inside, box_map, g.number(LOWEST))
        g.op("ReduceMax", there, g.ints(1, 2), keepdims=0, name="score")
    if inside is not None:
        box_map = g.op("Where", inside, box_map, g.number(0.0))
    height, width = zones.size_hw
    around = g.ints(0, top, left, 0, height - bottom, width - right)
    g.op("Pad", box_map, around, name="score_map")
    outputs = [output for output in model.graph.output if output.name in found]
    return g.build([image_input(image_format)], outputs)


def _filled(
    g: GraphBuilder, image: str, inside: str, fill: Sequence[int], image_format: ImageFormat
) -> str:
    """The image with one colour outside of the zones."""
    mask = g.op("Unsqueeze", inside, g.ints(2))
    if image_format.bit_depth == 8:
        return g.op("Where", mask, image, g.constant(fill, np.uint8))
    levels = g.op("Cast", image, to=INT32)  # ONNX Runtime chooses among no 16-bit numbers
    filled = g.op("Where", mask, levels, g.constant(fill, np.int32))
    return g.op("Cast", filled, to=UINT16)


def _labels(g: GraphBuilder, zones: Inspected) -> str:
    """The zone of each pixel of the box, h x w, float: 0 where nothing is inspected."""
    labels = zones.labels[zones.box]
    planes = [
        g.op("Mul", _bits(g, (labels >> plane & 1) != 0), g.number(2.0**plane))
        for plane in range(len(zones.names).bit_length())
    ]
    return planes[0] if len(planes) == 1 else g.op("Sum", *planes)


def _bits(g: GraphBuilder, values: NDArray[np.bool_]) -> str:
    """A constant, h x w, as zeros and ones."""
    height, width = values.shape
    packed = np.packbits(values, axis=1)
    numbers = g.op("Cast", g.constant(packed, np.uint8), to=FLOAT)
    above = g.constant(2.0 ** np.arange(BITS - 1, -1, -1))  # what a bit counts
    shifted = g.op("Floor", g.op("Div", g.op("Unsqueeze", numbers, g.ints(2)), above))
    half = g.op("Floor", g.op("Mul", shifted, g.number(0.5)))
    bits = g.op("Sub", shifted, g.op("Mul", half, g.number(2.0)))
    rows = g.op("Reshape", bits, g.ints(height, packed.shape[1] * BITS))
    return g.op("Slice", rows, g.ints(0), g.ints(width), g.ints(1))
