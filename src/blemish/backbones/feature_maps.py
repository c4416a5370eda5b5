"""What lies between a network's nodes while images run through it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from blemish.graph.builder import FLOAT, tensor
from blemish.graph.session import Session


def feature_maps(
    model: onnx.ModelProto,
    entry: str,
    images: Iterable[NDArray[np.float32]],
    names: Set[str],
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Of each image the feature maps that are asked for, C x H x W, by name.

    Args:
        model: the network.
        entry: its input.
        images: 3 x H x W each.
        names: of what its nodes give, or of the input.
    """
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    ordered = sorted(names)
    for name in ordered:
        shown.graph.node.append(helper.make_node("Identity", [name], [f"shown/{name}"]))
        sizes = (f"{axis} of {name}" for axis in "NCHW")
        shown.graph.output.append(tensor(f"shown/{name}", FLOAT, *sizes))
    session = Session(shown.SerializeToString())
    wanted = [f"shown/{name}" for name in ordered]
    for image in images:
        found = session.run(wanted, **{entry: image[None]})
        yield {name: features[0] for name, features in zip(ordered, found, strict=True)}
