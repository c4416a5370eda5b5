"""A student that begins with the weights of one that shipped, whose norms are folded away.

Each norm is set by the statistics of some images so that it changes nothing. What goes beyond the
student's rectifiers is made smaller where it is written and larger where it is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import torch
from common import Spread
from onnx import numpy_helper
from student import Student
from torch import Tensor, nn

from blemish.detectors.efficientad.jitter import normalised

ROOM = 5.0  # rectifiers cut off at 6
STILL = 1e-4  # the least spread of a channel
REACH = 0.999  # the share of a channel's values that are to stay within


@torch.no_grad()
def warm_start(student: Student, path: Path, targets: list[Spread], images: Tensor) -> None:
    """Give a student the weights of a file.

    Args:
        student: of the same shape, on the CPU.
        path: a student as it was exported.
        targets: what the student's levels are standardised by.
        images: N x 3 x H x W in [0, 1].
    """
    _read(student, path, targets)
    features = _set(list(student.stem), normalised(images))
    streams = []
    for stage in student.stages:
        for block in stage:
            out = _set(list(block.layers), features)
            features = features + out if block.added else out
        streams.append(features)
    firsts = [stage[0].layers[0] for stage in student.stages]
    for stage, head, stream, after in zip(
        student.stages, student.heads, streams, [firsts[1:2], firsts[2:], []], strict=True
    ):
        factors = _factors(stream)
        _multiply([block.layers[-1] for block in stage], factors)
        _divide([head[1], *after, *(block.layers[0] for block in stage[1:])], factors)


def _read(student: Student, path: Path, targets: list[Spread]) -> None:
    """Weights into convolutions, biases into norms; those of the levels in standard units."""
    weights, scales = _stored(path)
    layers: list[Any] = [*student.stem]
    for stage, head in zip(student.stages, student.heads, strict=True):
        layers += [layer for block in stage for layer in block.layers] + [head[1]]
    for i, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            weight, bias = next(weights)
            layer.weight.copy_(weight)
            (layers[i + 1] if layer.bias is None else layer).bias.copy_(bias)
    for head, target in zip(student.heads, targets, strict=True):
        scale, shift = next(scales, (1.0, 0.0))
        std, mean = (v.cpu().flatten() for v in (target.std, target.mean))
        head[1].weight *= (scale / std).view(-1, 1, 1, 1)
        head[1].bias.copy_((head[1].bias * scale + shift - mean) / std)


def _stored(path: Path) -> tuple[Iterator[list[Tensor]], Iterator[list[Tensor]]]:
    """Weight and bias of each convolution of a file; scale and shift of each level, if it has any.

    Files from before levels were bounded have none: there, they are in the weights.
    """
    graph = onnx.load(path).graph
    values = {
        constant.name: torch.tensor(numpy_helper.to_array(constant).astype("float32"))
        for constant in graph.initializer
    }
    values |= {n.output[0]: values[n.input[0]] for n in graph.node if n.op_type == "Cast"}
    weights, scales = (
        iter([[values[name] for name in n.input[1:3]] for n in graph.node if n.op_type == kind])
        for kind in ("Conv", "BatchNormalization")
    )
    return weights, scales


def _set(chain: list[Any], features: Tensor) -> Tensor:
    """Set the norms of a chain of layers by what comes in; gives what goes out."""
    for i, layer in enumerate(chain):
        if isinstance(layer, nn.BatchNorm2d):
            conv, following = chain[i - 1], chain[i + 2 : i + 3]
            mean, std = features.mean((0, 2, 3)), features.std((0, 2, 3)).clamp_min(STILL)
            conv.weight /= std.view(-1, 1, 1, 1)
            layer.running_mean.copy_(mean / std)
            layer.running_var.fill_(1)
            layer.weight.copy_(std)
            layer.bias += mean
            features = layer.eval()(features / std.view(1, -1, 1, 1))
            if following:  # behind a rectifier
                factors = _factors(features)
                features = features * factors.view(1, -1, 1, 1)
                _multiply([layer], factors)
                _divide(following, factors)
            layer.train()
        else:
            features = layer(features)
    return features


def _factors(features: Tensor) -> Tensor:
    """What brings a channel's values within reach of a rectifier."""
    values = features.transpose(0, 1).flatten(1)
    highest = values.kthvalue(int(REACH * values.shape[1]), dim=1).values
    return (ROOM / highest.clamp_min(ROOM)).detach()


def _multiply(norms: list[Any], factors: Tensor) -> None:
    for norm in norms:
        norm.weight *= factors
        norm.bias *= factors


def _divide(convs: list[Any], factors: Tensor) -> None:
    for conv in convs:
        conv.weight /= factors.view(-1, 1, 1, 1) if conv.groups > 1 else factors.view(1, -1, 1, 1)
