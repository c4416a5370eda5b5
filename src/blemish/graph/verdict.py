"""Thresholds and verdict as outputs of the graph, for runtimes that show no metadata.

The verdict is that of `score > threshold` for every score there is: a threshold is rounded to the
float32 at or below it, which no float32 lies between. A score that is no number is no good one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from blemish.graph.builder import BOOL, FLOAT, tensor

if TYPE_CHECKING:
    import onnx

THRESHOLD, PIXEL_THRESHOLD, VERDICT = "threshold", "pixel_threshold", "verdict"
_NOT_ABOVE = "verdict_good"


def set_verdict(graph: onnx.GraphProto, *, image_threshold: float, pixel_threshold: float) -> None:
    """Give a graph with an output `score` three more, or set those that it has.

    These are `threshold` and `pixel_threshold` (float32, scalars), and `verdict` (N, bool: true for
    a defect). Nothing else in the graph changes.
    """
    from onnx import helper, numpy_helper

    def constant(name: str, value: float) -> onnx.NodeProto:
        held = numpy_helper.from_array(np.array(rounded_down(value)), name)
        return helper.make_node("Constant", [], [name], name=name, value=held)

    ours = {THRESHOLD, PIXEL_THRESHOLD, _NOT_ABOVE, VERDICT}
    _drop(graph.node, [bool(ours.intersection(node.output)) for node in graph.node])
    _drop(graph.output, [output.name in ours for output in graph.output])
    graph.node.extend(
        [
            constant(THRESHOLD, image_threshold),
            constant(PIXEL_THRESHOLD, pixel_threshold),
            helper.make_node("LessOrEqual", ["score", THRESHOLD], [_NOT_ABOVE], name=_NOT_ABOVE),
            helper.make_node("Not", [_NOT_ABOVE], [VERDICT], name=VERDICT),
        ]
    )
    graph.output.extend(
        [tensor(THRESHOLD, FLOAT), tensor(PIXEL_THRESHOLD, FLOAT), tensor(VERDICT, BOOL, "N")]
    )


def rounded_down(value: float) -> np.float32:
    """The largest float32 that is not above."""
    nearest = np.float32(value)
    return nearest if float(nearest) <= value else np.nextafter(nearest, np.float32(-np.inf))


def _drop(entries: Any, unwanted: list[bool]) -> None:
    for index in reversed(range(len(unwanted))):
        if unwanted[index]:
            del entries[index]
