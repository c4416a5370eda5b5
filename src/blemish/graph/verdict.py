"""Thresholds and verdict as outputs of the graph, for runtimes that show no metadata.

The verdict is that of `score > threshold` for every score there is: a threshold is rounded to the
float32 at or below it, which no float32 lies between. A score that is no number is no good one,
and neither is an image that is not inspectable (`graph.inspectable`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from blemish.errors import ModelFileError
from blemish.graph.builder import BOOL, FLOAT, tensor

if TYPE_CHECKING:
    import onnx

THRESHOLD, PIXEL_THRESHOLD, VERDICT = "threshold", "pixel_threshold", "verdict"
ALIGNMENT, AGREEMENT_LIMIT = "alignment", "agreement_limit"  # of graphs that align parts
ALIGNABLE = "alignable"  # an output of these: false where nothing can be said of a part
ALIGNED_MAP = "alignment/score_map"  # as the reference lies
DEPARTURES, NOT_INSPECTABLE = "departures", "inspectable/not"
_COUNT, _GOOD, _LOW = "verdict_count", "verdict_good", "verdict_low"
_NOT_GOOD = "verdict_rejected"
ONCE = "_once"  # ends the name of a threshold before there is one for each image


def set_verdict(graph: onnx.GraphProto, *, image_threshold: float, pixel_threshold: float) -> None:
    """Give a graph with an output `score` three more, or set those that it has.

    These are `threshold` and `pixel_threshold` (N, float32), and `verdict` (N, bool: true for a
    defect, and for an image that is not inspectable or cannot be aligned where the graph tells
    that): one for each image, as all outputs are, since some runtimes refuse constant ones
    (OpenVINO's provider). Nothing else in the graph changes.
    """
    from onnx import helper

    limits = {THRESHOLD: image_threshold, PIXEL_THRESHOLD: pixel_threshold}
    nodes = [helper.make_node("Shape", ["score"], [_COUNT])]
    for name, value in limits.items():
        nodes += _expanded(name, value)
    if any(output.name == ALIGNABLE for output in graph.output):
        nodes.append(helper.make_node("LessOrEqual", ["score", THRESHOLD], [_LOW]))
        nodes.append(helper.make_node("And", [_LOW, ALIGNABLE], [_GOOD]))
    else:
        nodes.append(helper.make_node("LessOrEqual", ["score", THRESHOLD], [_GOOD]))
    if any(NOT_INSPECTABLE in node.output for node in graph.node):
        nodes.append(helper.make_node("Not", [_GOOD], [_NOT_GOOD]))
        nodes.append(helper.make_node("Or", [_NOT_GOOD, NOT_INSPECTABLE], [VERDICT]))
    else:
        nodes.append(helper.make_node("Not", [_GOOD], [VERDICT]))
    for node in nodes:
        node.name = node.output[0]

    ours = {_NOT_GOOD, _LOW, *(node.name for node in nodes)}
    drop(graph, ours.__contains__)
    graph.node.extend(nodes)
    graph.output.extend(tensor(name, FLOAT, "N") for name in limits)
    graph.output.append(tensor(VERDICT, BOOL, "N"))


def _expanded(name: str, value: float) -> list[onnx.NodeProto]:
    """Nodes that give a number for each image."""
    from onnx import helper, numpy_helper

    once = name + ONCE
    held = numpy_helper.from_array(np.array([rounded_down(value)]), once)
    return [
        helper.make_node("Constant", [], [once], value=held),
        helper.make_node("Expand", [once, _COUNT], [name]),
    ]


def check_verdict(
    data: bytes, name: str, *, image_threshold: float, pixel_threshold: float
) -> None:
    """Raise `ModelFileError` where the graph in a model file has other thresholds than it should.

    It is told from the bytes of its constants, so that nothing needs to be parsed or run.

    Args:
        data: of the file, whose graph went through `set_verdict`.
        name: what to call the file in errors.
        image_threshold: that its graph should have.
        pixel_threshold: the same of pixels.
    """
    for output, wanted in ((THRESHOLD, image_threshold), (PIXEL_THRESHOLD, pixel_threshold)):
        check_held(data, name, output, rounded_down(wanted))


def check_held(data: bytes, name: str, output: str, wanted: np.float32) -> None:
    """Raise `ModelFileError` where the graph holds another number than its file says.

    Args:
        data: of the file.
        name: what to call the file in errors.
        output: the number's name in the graph, without how it ends.
        wanted: what it should be.
    """
    found = set(_held(data, output))
    if found != {float(wanted)}:
        told = ", ".join(f"{value:g}" for value in sorted(found)) or "none"
        raise ModelFileError(
            f"'{name}' contradicts itself: '{output}' in its graph is {told}, but {wanted:g} "
            "follows from its scores. Get it anew from where it was fitted, or fit it again."
        )


def _held(data: bytes, output: str) -> Iterator[float]:
    """The numbers that the graph in a model file holds for a threshold."""
    text = (output + ONCE).encode()
    # How protobuf writes a tensor: that it holds float32, its name, the head of its 4 bytes.
    mark = b"\x10\x01\x42" + bytes([len(text)]) + text + b"\x4a\x04"
    place = data.find(mark)
    while place >= 0:
        place += len(mark)
        if len(data) >= place + 4:
            yield struct.unpack_from("<f", data, place)[0]
        place = data.find(mark, place)


def rounded_down(value: float) -> np.float32:
    """The largest float32 that is not above."""
    nearest = np.float32(value)
    return nearest if float(nearest) <= value else np.nextafter(nearest, np.float32(-np.inf))


def drop(graph: onnx.GraphProto, unwanted: Callable[[str], bool]) -> None:
    """Take nodes, constants and outputs out of a graph, by the names of what they give."""
    for entries, names in (
        (graph.node, [node.output for node in graph.node]),
        (graph.initializer, [[constant.name] for constant in graph.initializer]),
        (graph.output, [[output.name] for output in graph.output]),
    ):
        for index in reversed(range(len(names))):
            if any(map(unwanted, names[index])):
                del entries[index]
