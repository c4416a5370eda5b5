"""A patch description network as teacher, the paper's: trained once, and never trained here.

Its file holds the weights `conv1.weight`, `conv1.bias`, ... (or numbered as in a chain: `0.weight`,
`3.weight`, ...) as tensors of a safetensors file or as initializers of an ONNX file, in single or
half precision. It takes images in [0, 1], less the mean of ImageNet, over its spread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.backbones.backbone import Level
from blemish.detectors.efficientad.architecture import (
    BORDER_CELLS,
    PDN_WIDTHS,
    STRIDE,
    features_of,
    grid_hw,
    pdn,
)
from blemish.detectors.efficientad.teacher import NOT_STATED, TEACHER, Answers, Statistics
from blemish.detectors.nets.layer import NetLayer, Weights, check_weights
from blemish.detectors.nets.nodes import add_net
from blemish.errors import BackboneError, MissingExtraError
from blemish.graph.builder import GraphBuilder
from blemish.graph.engine import Engine

if TYPE_CHECKING:
    import torch

PREFIX = "teacher."
FEW = 4  # problems that are told


@dataclass(frozen=True, eq=False)
class PdnTeacher:
    """Weights of a PDN, float32, and where they come from; see `teacher.Teacher`.

    Attributes:
        kind: `extra_small`, `small` or `medium`.
        weights: `conv1.weight`, `conv1.bias`, ...
        name: of the network, or of the file where that does not say.
        licence: of the weights, as their source states it.
        sha256: of the file.
    """

    kind: str
    weights: Weights
    name: str
    licence: str
    sha256: str

    @property
    def title(self) -> str:
        """Which net it is, for people."""
        return f"PDN {self.kind}"

    @property
    def levels(self) -> tuple[Level, ...]:
        """It has one."""
        return (Level("pdn", self.features, STRIDE),)

    @property
    def features(self) -> int:
        """How many features a cell has."""
        return features_of(self.kind)

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return sum(int(values.size) for values in self.weights.values())

    @property
    def step(self) -> int:
        """Pixels from one cell to the next."""
        return STRIDE

    @property
    def margin(self) -> int:
        """None: nothing is padded, so that a part's cells are those of the whole image."""
        return 0

    @property
    def border_cells(self) -> int:
        """Cells that its grid lacks on each side of the image."""
        return BORDER_CELLS

    def grid_hw(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Cells of its grid over a working image."""
        return grid_hw(size_hw)

    def check_sizes(self, size_hw: tuple[int, int], crop: int) -> None:
        """Any size that the settings allow will do."""

    def student(self, *, doubled: bool, width: int) -> tuple[NetLayer, ...]:  # noqa: ARG002
        """A net of the same form, with twice the features for an autoencoder to be followed."""
        return pdn(self.kind, doubled=doubled)

    def answers(self, device: torch.device, engine: Engine) -> Answers:  # noqa: ARG002
        """Its features of working images, before they are normalised."""
        import torch

        from blemish.detectors.nets.module import fixed_net

        net = fixed_net(pdn(self.kind), self.weights)
        net = net.to(device, memory_format=torch.channels_last)
        answers: Answers = net
        return answers

    def add(self, g: GraphBuilder, image: str, statistics: Statistics) -> str:
        """Nodes from working images to its normalised features, N x features x h x w."""
        return add_net(g, image, pdn(self.kind), self._normalised(statistics), name=TEACHER)

    def _normalised(self, statistics: Statistics) -> dict[str, NDArray[Any]]:
        """Its weights, the last layer such that each feature has mean 0 and spread 1."""
        last = pdn(self.kind)[-1].name
        weight, bias = (self.weights[f"{last}.{part}"] for part in ("weight", "bias"))
        spread = statistics.divisor
        folded = {
            f"{last}.weight": (weight / spread[:, None, None, None]).astype(np.float32),
            f"{last}.bias": ((bias - statistics.mean) / spread).astype(np.float32),
        }
        return {**self.weights, **folded}


def load_pdn(file: str | None, kind: str) -> PdnTeacher:
    """Read a teacher.

    Args:
        file: a safetensors or ONNX file; `None` for the teacher in the package.
        kind: of PDN that it must be.

    Raises:
        BackboneError: the file is missing, cannot be read, or lacks a weight; or there is no
            teacher of that kind in the package.
        MissingExtraError: a safetensors file without the extra `train`.
    """
    path = Path(file) if file is not None else _in_package(kind)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BackboneError(f"Cannot read teacher '{path}': {error.strerror}.") from error
    read = _read_safetensors if path.suffix == ".safetensors" else _read_onnx
    tensors, metadata = read(data, path)
    return PdnTeacher(
        kind,
        _checked(tensors, kind, path),
        metadata.get("name") or path.stem,
        metadata.get("licence") or metadata.get("license") or NOT_STATED,
        hashlib.sha256(data).hexdigest(),
    )


def _in_package(kind: str) -> Path:
    path = Path(str(resources.files(__package__))) / "teachers" / f"{kind}.onnx"
    if not path.is_file():
        raise BackboneError(
            f"There is no teacher '{kind}' in the package; name a file: teacher=FILE "
            "(safetensors or ONNX with the weights conv1.weight, conv1.bias, ...)."
        )
    return path


def _read_safetensors(data: bytes, path: Path) -> tuple[dict[str, Any], Mapping[str, str]]:
    try:
        import safetensors
        from safetensors.numpy import load
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"teacher '{path}'", "train") from error
    try:
        with safetensors.safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
        return load(data), metadata
    except Exception as error:  # safetensors' errors, and KeyError for types that NumPy lacks
        raise BackboneError(
            f"'{path}' is no safetensors file with weights in single or half precision."
        ) from error


def _read_onnx(data: bytes, path: Path) -> tuple[dict[str, Any], Mapping[str, str]]:
    import onnx
    from onnx import numpy_helper

    try:
        model = onnx.load_model_from_string(data)
        tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    except Exception as error:  # protobuf errors have no common base
        raise BackboneError(
            f"'{path}' is neither a safetensors file nor an ONNX model with its weights inside."
        ) from error
    return tensors, {entry.key: entry.value for entry in model.metadata_props}


def _checked(tensors: Mapping[str, NDArray[Any]], kind: str, path: Path) -> Weights:
    """The weights of a PDN among some tensors, as float32."""
    found = _named({name.removeprefix(PREFIX): value for name, value in tensors.items()})
    layers = pdn(kind)
    problems = check_weights(layers, found)
    if problems:
        others = [k for k in PDN_WIDTHS if k != kind and not check_weights(pdn(k), found)]
        told = (
            f"It is a '{others[0]}': set pdn={others[0]}." if others else " ".join(problems[:FEW])
        )
        more = f" And {len(problems) - FEW} more." if not others and len(problems) > FEW else ""
        raise BackboneError(
            f"'{path}' is no teacher '{kind}' with {features_of(kind)} features. {told}{more}"
        )
    weights = {n: np.asarray(found[n], np.float32) for layer in layers for n in layer.shapes}
    broken = [name for name, value in weights.items() if not np.isfinite(value).all()]
    if broken:
        raise BackboneError(f"'{path}' holds values that are not finite, in '{broken[0]}'.")
    return weights


def _named(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Tensors whose names begin with the number of a layer, under the layers' own names."""
    numbers = sorted(
        {int(n) for n in (name.partition(".")[0] for name in tensors) if n.isdecimal()}
    )
    names = {str(number): f"conv{i + 1}" for i, number in enumerate(numbers)}
    parts = ((name.partition("."), value) for name, value in tensors.items())
    return {f"{names.get(head, head)}{dot}{tail}": value for (head, dot, tail), value in parts}
