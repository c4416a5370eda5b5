"""A backbone and a data set small enough that a fit takes a second: for tests of what is around.

Scores mean something (defects are bright squares on dark noise), but nobody would ship them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from blemish.detectors.patchcore.detector import PatchCore

SIDE = 64
LEVELS = ["fine", "coarse"]  # at strides 4 and 8, so they have to be named
DISTANCES = {"normalisation": "none", "image_score": "patches"}  # scores as the paper has them


def tiny_settings(backbone: Path, **settings: Any) -> dict[str, Any]:
    """Settings of PatchCore that go with `tiny_backbone` and `tiny_dataset`."""
    return {
        "backbone": str(backbone),
        "levels": LEVELS,
        "image_size": SIDE,
        "coreset_ratio": 0.1,
        "calibration_folds": 2,
        "smoothing": 1.0,
    } | settings


def tiny_backbone(path: Path, *, seed: int = 0) -> Path:
    """Write two layers of random convolutions as an ONNX file with the levels `LEVELS`."""
    rng = np.random.default_rng(seed)
    nodes, weights, taken, channels = [], [], "image", 3
    for name, stride, width in (("fine", 4, 8), ("coarse", 2, 12)):
        kernel = rng.standard_normal((width, channels, stride, stride)).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel / stride, f"{name}_kernel"))
        conv = [taken, f"{name}_kernel"]
        nodes.append(helper.make_node("Conv", conv, [f"{name}_sum"], strides=[stride, stride]))
        nodes.append(helper.make_node("Relu", [f"{name}_sum"], [name]))
        taken, channels = name, width
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4) for name in LEVELS],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    metadata = {"name": "tiny", "licence": "CC0-1.0"}
    metadata |= {"mean": json.dumps([0.5] * 3), "std": json.dumps([0.25] * 3)}
    helper.set_model_props(model, metadata)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def tiny_dataset(
    folder: Path, *, good: int = 8, test_good: int = 3, defects: int = 3, seed: int = 0
) -> Path:
    """Write a category laid out as in MVTec AD: dark noise, the defects with a bright square.

    Args:
        folder: of the category; its name is the category's.
        good: training images.
        test_good: good test images.
        defects: test images of the type `spot`, with masks.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    for split, kind, count in (
        ("train", "good", good),
        ("test", "good", test_good),
        ("test", "spot", defects),
    ):
        for number in range(count):
            image = rng.integers(40, 80, (SIDE, SIDE, 3)).astype(np.uint8)
            if kind == "spot":
                mask = np.zeros((SIDE, SIDE), np.uint8)
                row, column = rng.integers(8, SIDE - 24, 2)
                mask[row : row + 16, column : column + 16] = 255
                image[mask > 0] = 230
                _write(folder / "ground_truth" / kind / f"{number:03}_mask.png", mask)
            _write(folder / split / kind / f"{number:03}.png", image)
    return folder


def _write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


class HeldOut:
    """A fitted detector that leaves out only some of its images."""

    held_out_method = "held out"

    def __init__(self, fitted, names):
        self._fitted, self._names = fitted, names

    def __getattr__(self, name):
        return getattr(self._fitted, name)

    def held_out_scores(self, *, progress):
        results = self._fitted.held_out_scores(progress=progress)
        return (result for result in results if result.name in self._names)


class HoldsOut(PatchCore):
    """A detector that leaves out only the first six images, and remembers its folder."""

    resumable = True

    def calibration_images(self, split_keys):
        return min(6, len(set(split_keys)))

    def fit(self, images, *, progress, folder=None, engine=None):
        self.folder = folder
        names = [sample.id for sample in images.samples[:6]]
        return HeldOut(super().fit(images, progress=progress), names)
