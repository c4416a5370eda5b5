"""The trained student as an ONNX backbone: norms folded, weights stored in half precision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from common import Spread
from student import BOUND, LEVELS, Student
from torch import Tensor, nn

from blemish.detectors.efficientad.architecture import MEAN, STD
from blemish.graph.builder import FLOAT, GraphBuilder, tensor


def export(
    student: Student,
    targets: list[Spread],
    path: Path,
    provenance: dict[str, str],
) -> None:
    """Write the student with outputs on the teacher's own scale.

    Args:
        student: in evaluation mode.
        targets: what the student's outputs are standardised by.
        path: to write to.
        provenance: goes into the file's metadata.
    """
    g = GraphBuilder()
    features = _sequence(g, student.stem, "image")
    for level, stage, head, target in zip(
        LEVELS, student.stages, student.heads, targets, strict=True
    ):
        features = _sequence(g, stage, features)
        rectified = _sequence(g, head[:1], features)
        conv = head[1]
        standard = g.op("Conv", rectified, _half(g, conv.weight), _half(g, conv.bias))
        _unstandardised(g, _clipped(g, standard, -BOUND, BOUND), target, name=level)
    outputs = [tensor(level, FLOAT, "N", f"c_{level}", f"h_{level}", f"w_{level}")
               for level in LEVELS]  # fmt: skip
    model = g.build([tensor("image", FLOAT, "N", 3, "H", "W")], outputs)
    known = provenance | {"mean": json.dumps(MEAN), "std": json.dumps(STD)}
    onnx.helper.set_model_props(model, known)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _sequence(g: GraphBuilder, module: Any, features: str) -> str:
    """Nodes of a chain of convolutions, norms, rectifiers and blocks."""
    layers = list(module)
    while layers:
        layer = layers.pop(0)
        if isinstance(layer, nn.Conv2d):
            features = _conv(g, layer, layers.pop(0), features)
        elif isinstance(layer, nn.ReLU):
            features = g.op("Relu", features)
        elif isinstance(layer, nn.ReLU6):
            features = _clipped(g, features, 0, 6)
        else:
            out = _sequence(g, layer.layers, features)
            features = g.op("Add", features, out) if layer.added else out
    return features


def _conv(g: GraphBuilder, conv: nn.Conv2d, norm: nn.BatchNorm2d, features: str) -> str:
    varies = norm.running_var > norm.eps  # what never did in training is held to what it was
    scale = varies * norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = conv.weight * scale.view(-1, 1, 1, 1)
    bias = norm.bias - norm.running_mean * scale
    pad = conv.kernel_size[0] // 2
    return g.op(
        "Conv", features, _half(g, weight), _half(g, bias), group=conv.groups,
        strides=list(conv.stride), pads=[pad] * 4, kernel_shape=list(conv.kernel_size),
    )  # fmt: skip


def _clipped(g: GraphBuilder, features: str, low: float, high: float) -> str:
    ends = (g.constant(np.array(end, np.float32)) for end in (low, high))
    return g.op("Clip", features, *ends)


def _unstandardised(g: GraphBuilder, features: str, target: Spread, *, name: str) -> str:
    """On the teacher's own scale."""
    std, mean = (g.constant(v.cpu().flatten().numpy()) for v in (target.std, target.mean))
    zeros, ones = (g.constant(v(target.std.numel(), np.float32)) for v in (np.zeros, np.ones))
    return g.op("BatchNormalization", features, std, mean, zeros, ones, epsilon=0.0, name=name)


def _half(g: GraphBuilder, value: Tensor) -> str:
    if not torch.isfinite(value.half()).all():
        raise SystemExit("a weight does not fit half precision")
    return g.op("Cast", g.constant(value.detach().numpy(), np.float16), to=FLOAT)
