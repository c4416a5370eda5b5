"""How far around it a cell of a level sees: the receptive field, told from a network's graph.

Where tiles overlap by enough, no cell that is kept sees their borders, and what comes of it is what
comes of the whole image. Nodes that every network has are known; one that sees everything, or that
is not known, makes the field the whole image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from blemish.backbones.backbone import Backbone, Level

if TYPE_CHECKING:
    import onnx

# Each cell of the result is made of the cells at its place alone.
PLACE_BY_PLACE = """
Add BatchNormalization Cast Clip Concat Div Dropout Elu Erf Gelu HardSigmoid HardSwish Identity
LeakyRelu Max Min Mish Mul PRelu Pow Relu Sigmoid Softplus Sqrt Sub Sum Tanh
"""
WINDOWS = frozenset({"Conv", "MaxPool", "AveragePool"})


@dataclass(frozen=True)
class _Field:
    """What the first cell along an axis sees of the image: from a pixel to another, and the stride.

    Both may be `inf`.
    """

    first: float
    last: float
    stride: int

    def joined(self, other: _Field) -> _Field:
        strides = max(self.stride, other.stride)
        return _Field(min(self.first, other.first), max(self.last, other.last), strides)


EVERYTHING = _Field(float("-inf"), float("inf"), 1)


def exact_overlap(backbone: Backbone, *, side: int) -> int | None:
    """By how many pixels tiles must overlap for their cells to be those of the whole image.

    Args:
        backbone: with its levels.
        side: of the neighbourhood of cells that is averaged.

    Returns:
        A multiple of the coarsest stride; `None` where no overlap is enough.
    """
    fields = _fields(backbone)
    finest = min(level.stride for level in backbone.levels)
    reach = max(_reach(fields[level.name], level, side, finest) for level in backbone.levels)
    if reach == float("inf"):
        return None
    coarsest = max(level.stride for level in backbone.levels)
    return ceil(2 * reach / coarsest) * coarsest


def _reach(field: _Field, level: Level, side: int, finest: int) -> float:
    """Pixels from the middle of a cell of the finest level to the farthest that counts for it."""
    half = level.stride / 2
    seen = max(half - field.first, field.last + 1 - half)
    enlarging = level.stride if level.stride > finest else 0  # between the cells on both sides
    return seen + level.stride * (side // 2) + enlarging


def _fields(backbone: Backbone) -> dict[str, _Field]:
    """Of each tensor that depends on the image, the larger one of both axes."""
    found = {backbone.entry: _Field(0, 0, 1)}
    graph = backbone.graph.graph
    kernels = {constant.name: list(constant.dims[2:]) for constant in graph.initializer}
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in kernels:
            kernels[node.output[0]] = kernels[node.input[0]]
        taken = [found[name] for name in node.input if name in found]
        if not taken:
            continue
        field = taken[0]
        for other in taken[1:]:
            field = field.joined(other)
        sides = kernels.get(node.input[1]) if node.op_type == "Conv" else None
        given = _seen_by(node, field, sides)
        found |= dict.fromkeys(node.output, given)
    return found


def _seen_by(node: onnx.NodeProto, field: _Field, sides: list[int] | None) -> _Field:
    """What the result of a node sees, `sides` being those of its kernel where that is known."""
    if node.op_type in PLACE_BY_PLACE.split():
        return field
    if node.op_type not in WINDOWS:
        return EVERYTHING
    values: dict[str, Any] = {a.name: a for a in node.attribute}
    sides = _ints(values, "kernel_shape", sides or [])
    if not sides:
        return EVERYTHING
    strides, dilations = (
        _ints(values, name, [1] * len(sides)) for name in ("strides", "dilations")
    )
    reach = [(side - 1) * apart for side, apart in zip(sides, dilations, strict=True)]
    padded = _ints(values, "pads", [0] * (2 * len(sides)))
    if "auto_pad" in values and values["auto_pad"].s not in (b"", b"NOTSET"):
        before = after = max(reach)  # by the size of the image, but no more than this
    else:
        before = max(padded[: len(sides)])
        after = max(r - p for r, p in zip(reach, padded, strict=False))
    first, last = field.first - before * field.stride, field.last + after * field.stride
    return _Field(first, last, field.stride * max(strides))


def _ints(values: dict[str, Any], name: str, default: Sequence[int]) -> list[int]:
    return list(values[name].ints) if name in values else list(default)
