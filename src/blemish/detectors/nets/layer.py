"""Layers of small nets, from which torch modules and graphs are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

Weights: TypeAlias = "Mapping[str, NDArray[Any]]"  # `<layer>.weight` and `<layer>.bias` of a net


@dataclass(frozen=True)
class NetLayer:
    """A convolution with what comes before and after it.

    In this order: enlarged bilinearly to `enlarged_hw`, or `enlarged_by` times; convolved; with
    what came in added to it; rectified; some values dropped (in training); averaged over 2 x 2.

    Attributes:
        dilation: cells from one value that a kernel reads to the next.
        of: the layer whose output it takes; `None` for the one before it, or the image.
        head: whether what it gives is given by the net; what several give is joined.
    """

    name: str
    inputs: int
    outputs: int
    kernel_hw: tuple[int, int]
    stride: int = 1
    padding: int = 0
    enlarged_hw: tuple[int, int] | None = None
    skips: bool = False
    rectified: bool = True
    dropout: bool = False
    pooled: bool = False
    enlarged_by: int = 1
    dilation: int = 1
    of: str | None = None
    head: bool = False

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of its weights."""
        return {
            f"{self.name}.weight": (self.outputs, self.inputs, *self.kernel_hw),
            f"{self.name}.bias": (self.outputs,),
        }


def check_weights(layers: Sequence[NetLayer], weights: Weights) -> list[str]:
    """What is missing among the weights of a net, or of another shape."""
    problems = []
    for layer in layers:
        for name, shape in layer.shapes.items():
            if name not in weights:
                problems.append(f"'{name}' is missing.")
            elif weights[name].shape != shape:
                found = " x ".join(map(str, weights[name].shape))
                problems.append(f"'{name}' is {found}, not {' x '.join(map(str, shape))}.")
    return problems
