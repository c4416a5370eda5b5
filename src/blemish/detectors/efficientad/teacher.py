"""The teacher: a patch description network that was trained once, and is never trained here.

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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.detectors.efficientad.architecture import (
    PDN_WIDTHS,
    Weights,
    check_weights,
    features_of,
    pdn,
)
from blemish.errors import BackboneError, MissingExtraError

PREFIX = "teacher."
NOT_STATED = "not stated"
FEW = 4  # problems that are told
NO_SPREAD = 1e-5  # of a channel, relative to the largest value: rounding, and nothing else


@dataclass(frozen=True, eq=False)
class Teacher:
    """Weights of a PDN, float32, and where they come from.

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

    def normalised(self, statistics: Statistics) -> dict[str, NDArray[Any]]:
        """Its weights, the last layer such that each feature has mean 0 and spread 1."""
        last = pdn(self.kind)[-1].name
        weight, bias = (self.weights[f"{last}.{part}"] for part in ("weight", "bias"))
        spread = statistics.divisor
        folded = {
            f"{last}.weight": (weight / spread[:, None, None, None]).astype(np.float32),
            f"{last}.bias": ((bias - statistics.mean) / spread).astype(np.float32),
        }
        return {**self.weights, **folded}


@dataclass(frozen=True, eq=False)
class Statistics:
    """Mean and (population) spread of each of the teacher's features over some images."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Which features do not vary at all, but for rounding."""
        largest = max(float(np.abs(self.mean).max()), float(self.std.max()), 1e-30)
        still: NDArray[np.bool_] = self.std <= NO_SPREAD * largest
        return still

    @property
    def divisor(self) -> NDArray[np.float64]:
        """The spread; 1 for features that do not vary, so that nothing is divided by nothing."""
        return np.where(self.constant, 1.0, self.std)


def statistics_of(means: NDArray[np.float64], variances: NDArray[np.float64]) -> Statistics:
    """Those over several images of one size, from those of each image, images x features."""
    mean = means.mean(axis=0)
    variance = variances.mean(axis=0) + ((means - mean) ** 2).mean(axis=0)
    return Statistics(mean, np.sqrt(variance))


def load_teacher(file: str | None, kind: str) -> Teacher:
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
    return Teacher(
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
