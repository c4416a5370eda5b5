"""A first convolution over blocks of pixels: the same numbers, sooner.

The stem of most backbones goes over a picture of three channels in steps of two pixels. In whole
numbers its inputs are gathered channels last, so three bytes at a time; once blocks of 2 x 2 pixels
are twelve channels, a kernel of 7 x 7 gathers 16 times twelve bytes instead of 49 times three.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

BLOCK = 2  # pixels, each way
DEFAULTS = {
    "strides": [1, 1],
    "dilations": [1, 1],
    "group": 1,
    "auto_pad": b"NOTSET",
    "pads": [0] * 4,
}  # of a convolution, as ONNX has them
WANTED = {"strides": [BLOCK] * 2, "dilations": [1, 1], "group": 1, "auto_pad": b"NOTSET"}


def in_blocks(model: onnx.ModelProto, entry: str) -> onnx.ModelProto:
    """The network with its first convolution over blocks of 2 x 2 pixels.

    It then takes pictures of even height and width only. A network that does not begin with a
    convolution in steps of two, its weights constant, is given back as it is.

    Args:
        model: opset 18 or later.
        entry: its input, N x C x H x W.
    """
    readers = [node for node in model.graph.node if entry in node.input]
    if len(readers) != 1 or readers[0].op_type != "Conv":
        return model
    constants = {constant.name: constant for constant in model.graph.initializer}
    weights = constants.get(readers[0].input[1])
    given = {a.name: helper.get_attribute_value(a) for a in readers[0].attribute}
    attributes = DEFAULTS | given
    if weights is None or any(attributes[name] != value for name, value in WANTED.items()):
        return model
    kernel, pads = _of_blocks(numpy_helper.to_array(weights), attributes["pads"])
    if min(pads) < 0:
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    blocks, name = f"{entry}/blocks", f"{weights.name}/blocks"
    stem = next(node for node in graph.node if entry in node.input)
    stem.input[:2] = [blocks, name]
    del stem.attribute[:]
    stem.attribute.extend([helper.make_attribute("pads", pads)])
    graph.initializer.append(numpy_helper.from_array(kernel, name))
    if not any(weights.name in node.input for node in graph.node):
        graph.initializer.remove(weights)
    graph.node.insert(0, helper.make_node("SpaceToDepth", [entry], [blocks], blocksize=BLOCK))
    return changed


def _of_blocks(
    weights: NDArray[np.float32], pads: list[int]
) -> tuple[NDArray[np.float32], list[int]]:
    """Kernel and pads (top, left, bottom, right) over blocks.

    Zeros before the kernel make what it begins with, beyond the picture's border, whole blocks;
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
