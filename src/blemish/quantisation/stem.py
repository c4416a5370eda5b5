"""The first convolution of a backbone in whole numbers: left in floats, or over blocks of pixels.

In whole numbers it reads an image whose grey levels were rounded once more after resizing, which
shows where a surface has little contrast. A small kernel takes no longer in floats and stays there.
So does one that reads the image through a normalisation, which large networks have (ResNet V2):
theirs is a small part of the work.

Any other would take longer. It goes over an image of three channels in steps of two pixels; in
whole numbers its inputs are gathered channels last, so three bytes at a time. Once blocks of 2 x 2
pixels are twelve channels, a kernel of 7 x 7 gathers 16 times twelve bytes instead of 49 times
three: the same numbers, sooner.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

SMALL = 3 * 3  # pixels of a kernel that is left in floats
BLOCK = 2  # pixels, each way
DEFAULTS = {
    "strides": [1, 1],
    "dilations": [1, 1],
    "group": 1,
    "auto_pad": b"NOTSET",
    "pads": [0] * 4,
}  # of a convolution, as ONNX has them
WANTED = {"strides": [BLOCK] * 2, "dilations": [1, 1], "group": 1, "auto_pad": b"NOTSET"}


def float_stem(model: onnx.ModelProto, entry: str) -> str | None:
    """What the first convolution gives, by name, where it is best left in floats.

    Args:
        model: its weights are initializers.
        entry: its input.
    """
    first = _only_reader(model.graph, entry)
    if first is not None and first.op_type == "BatchNormalization":
        found = _stem(model.graph, first.output[0])
    else:
        found = _stem(model.graph, entry)
        if found is not None and prod(found.weights.dims[2:]) > SMALL:
            return None
    return None if found is None else str(found.node.output[0])


def in_blocks(model: onnx.ModelProto, entry: str) -> onnx.ModelProto:
    """The network with its first convolution over blocks of 2 x 2 pixels.

    It then takes images of even height and width only. A network that does not begin with a
    convolution in steps of two, its weights constant, is given back as it is.

    Args:
        model: opset 18 or later.
        entry: its input, N x C x H x W.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    found = _stem(graph, entry)
    if found is None:
        return model
    stem, weights = found
    attributes = DEFAULTS | {a.name: helper.get_attribute_value(a) for a in stem.attribute}
    if any(attributes[name] != value for name, value in WANTED.items()):
        return model
    kernel, pads = _of_blocks(numpy_helper.to_array(weights), attributes["pads"])
    if min(pads) < 0:
        return model
    blocks, name = f"{entry}/blocks", f"{weights.name}/blocks"
    stem.input[:2] = [blocks, name]
    del stem.attribute[:]
    stem.attribute.extend([helper.make_attribute("pads", pads)])
    graph.initializer.append(numpy_helper.from_array(kernel, name))
    if not any(weights.name in node.input for node in graph.node):
        graph.initializer.remove(weights)
    graph.node.insert(0, helper.make_node("SpaceToDepth", [entry], [blocks], blocksize=BLOCK))
    return changed


class _Stem(NamedTuple):
    """A first convolution and its weights."""

    node: onnx.NodeProto
    weights: onnx.TensorProto


def _stem(graph: onnx.GraphProto, entry: str) -> _Stem | None:
    """The convolution that alone reads a feature map, where its weights are constant."""
    reader = _only_reader(graph, entry)
    if reader is None or reader.op_type != "Conv":
        return None
    constants = {constant.name: constant for constant in graph.initializer}
    weights = constants.get(reader.input[1])
    return None if weights is None else _Stem(reader, weights)


def _only_reader(graph: onnx.GraphProto, name: str) -> onnx.NodeProto | None:
    """The node that reads a feature map, where it is the only one."""
    readers = [node for node in graph.node if name in node.input]
    return readers[0] if len(readers) == 1 else None


def _of_blocks(
    weights: NDArray[np.float32], pads: list[int]
) -> tuple[NDArray[np.float32], list[int]]:
    """Kernel and pads (top, left, bottom, right) over blocks.

    Zeros before the kernel make what it begins with, beyond the image's border, whole blocks;
    zeros after it fill the last one.
    """
    outputs, channels, *lengths = weights.shape
    before = [-(-pad // BLOCK) for pad in pads[:2]]
    ahead = [BLOCK * blocks - pad for blocks, pad in zip(before, pads[:2], strict=True)]
    counts = [-(-(a + k) // BLOCK) for a, k in zip(ahead, lengths, strict=True)]
    after = [
        (first + last - k) // BLOCK + count - blocks
        for first, last, k, count, blocks in zip(
            pads[:2], pads[2:], lengths, counts, before, strict=True
        )
    ]
    whole = np.zeros((outputs, channels, *(BLOCK * count for count in counts)), np.float32)
    whole[:, :, ahead[0] : ahead[0] + lengths[0], ahead[1] : ahead[1] + lengths[1]] = weights
    parted = whole.reshape(outputs, channels, counts[0], BLOCK, counts[1], BLOCK)
    kernel = parted.transpose(0, 3, 5, 1, 2, 4)  # the order of channels of SpaceToDepth
    return kernel.reshape(outputs, -1, *counts), [*before, *after]
