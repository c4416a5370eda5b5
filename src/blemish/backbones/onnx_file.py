"""Any ONNX file with named outputs as a backbone.

The file has one input, N x 3 x H x W float32, RGB, normalised; its outputs are the levels. Its
metadata says how to normalise: `mean` and `std`, JSON lists of three for RGB in [0, 1]; and, if the
author was kind, `name` and `licence`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blemish.backbones.backbone import Backbone, Level
from blemish.errors import BackboneError, ModelFileError
from blemish.files import write_whole

if TYPE_CHECKING:
    import onnx

# Batches and sizes of two images that tell channels and strides, and that all of them are free.
PROBES = ((1, 3, 128, 192), (2, 3, 256, 320))


def read_backbone(path: Path) -> Backbone:
    """Read an ONNX file as a backbone with all of its outputs as levels.

    Raises:
        BackboneError: the file is missing, is no ONNX model, or does not say how to normalise.
    """
    import onnx

    try:
        data = path.read_bytes()
        model = onnx.load_model_from_string(data)
        onnx.checker.check_model(model)
    except OSError as error:
        raise BackboneError(f"Cannot read backbone '{path}': {error.strerror}.") from error
    except Exception as error:  # protobuf and checker errors have no common base
        raise BackboneError(f"'{path}' is not an ONNX model with its weights inside.") from error
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    model = _at_opset(model, path)
    return Backbone(
        name=metadata.get("name") or path.stem,
        graph=model,
        levels=_probe_levels(model, path),
        mean=_three_numbers(metadata, "mean", path),
        std=_three_numbers(metadata, "std", path),
        licence=metadata.get("licence") or metadata.get("license") or "not stated",
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _at_opset(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """The model at opset 18 or later; the antialiased Resize before it needs that."""
    from onnx import version_converter

    from blemish.graph.builder import OPSET

    if any(a.HasField("g") or a.graphs for node in model.graph.node for a in node.attribute):
        raise BackboneError(f"'{path}' has branches or loops; export it without control flow.")
    versions = {entry.domain: entry.version for entry in model.opset_import}
    foreign = [domain for domain in versions if domain not in ("", "ai.onnx")]
    if foreign:
        raise BackboneError(f"'{path}' uses operators outside ONNX ({', '.join(foreign)}).")
    if max(versions.values()) >= OPSET:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except Exception as error:  # the converter raises RuntimeError and its own kinds
        raise BackboneError(
            f"'{path}' has opset {max(versions.values())} and cannot be converted to {OPSET}; "
            "export it again with a newer opset."
        ) from error


def _probe_levels(model: onnx.ModelProto, path: Path) -> tuple[Level, ...]:
    """Channels and strides of all outputs, from how much they grow with the image."""
    from blemish.graph.engine import ONE_CORE
    from blemish.graph.session import Session

    session = Session(model.SerializeToString(), ONE_CORE)
    if len(session.inputs) != 1:
        raise BackboneError(f"'{path}' has {len(session.inputs)} inputs; one image is wanted")
    try:
        maps, larger_maps = (
            session.run(None, **{session.inputs[0]: np.zeros(shape, np.float32)})
            for shape in PROBES
        )
    except ModelFileError as error:
        raise BackboneError(
            f"'{path}' does not take images of {PROBES[0]} and {PROBES[1]}; its input must be "
            "N x 3 x H x W, each of N, H and W free."
        ) from error
    levels = tuple(
        _level(name, a.shape, b.shape)
        for name, a, b in zip(session.outputs, maps, larger_maps, strict=True)
        if a.ndim == 4 and b.shape[2] > a.shape[2]
    )
    if not levels:
        raise BackboneError(f"'{path}' has no output of the form N x C x H x W.")
    return levels


def _level(name: str, small: tuple[int, ...], large: tuple[int, ...]) -> Level:
    pixels, cells = PROBES[1][2] - PROBES[0][2], large[2] - small[2]
    stride = round(pixels / cells)
    return Level(name, small[1], stride, small[2] - -(-PROBES[0][2] // stride))


def _three_numbers(metadata: dict[str, str], key: str, path: Path) -> tuple[float, float, float]:
    try:
        red, green, blue = (float(number) for number in json.loads(metadata[key]))
    except (KeyError, ValueError, TypeError) as error:
        raise BackboneError(
            f"'{path}' does not say in its metadata how to normalise: '{key}' must be a JSON list "
            f"of three numbers (for most ImageNet networks mean [0.485, 0.456, 0.406], std "
            "[0.229, 0.224, 0.225]); write it with blemish.backbones.annotate."
        ) from error
    return red, green, blue


def annotate(
    path: Path,
    output: Path,
    *,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    licence: str,
    name: str | None = None,
) -> None:
    """Write a copy of an ONNX file whose metadata says what blemish has to know of it."""
    import onnx

    model = onnx.load(path)
    known = {entry.key: entry.value for entry in model.metadata_props}
    known |= {"mean": json.dumps(mean), "std": json.dumps(std), "licence": licence}
    onnx.helper.set_model_props(model, known | ({"name": name} if name else {}))
    write_whole(output, model.SerializeToString(deterministic=True))
