"""One graph of several: each member's nodes under its name, then the mean of what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from blemish.detectors.features.graph import summary_outputs
from blemish.detectors.fusion.scale import Line, Scale
from blemish.graph.builder import GraphBuilder
from blemish.graph.once import once
from blemish.graph.preprocessing import image_input
from blemish.images.format import ImageFormat

if TYPE_CHECKING:
    import onnx


def joined(
    members: Mapping[str, onnx.ModelProto],
    scales: Mapping[str, Scale],
    image_format: ImageFormat,
) -> onnx.ModelProto:
    """From `image` to `score` and `score_map`, the means of those of all members as they are told.

    Args:
        members: graphs from `image` to `score` and `score_map`, by name.
        scales: what their scores and maps are told by.
        image_format: depth of images.
    """
    g = GraphBuilder()
    told: dict[str, list[str]] = {"score": [], "score_map": []}
    for name, model in members.items():
        given = g.include(model, prefix=f"{name}/", inputs={"image": "image"})
        for output, line in (("score", scales[name].score), ("score_map", scales[name].map)):
            told[output].append(_told(g, given[output], line, len(members)))
    for output, parts in told.items():
        g.op("Sum", *parts, name=output)
    return once(g.build([image_input(image_format)], summary_outputs()))


def _told(g: GraphBuilder, values: str, line: Line, members: int) -> str:
    """A member's share of the mean."""
    above = g.op("Sub", values, g.number(line.mean))
    return g.op("Mul", above, g.number(1 / (line.unit * members)))
