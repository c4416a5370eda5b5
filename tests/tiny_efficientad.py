"""A teacher and settings of EfficientAd small enough that a fit takes seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from blemish.detectors.efficientad.architecture import pdn


def tiny_settings(teacher: Path, **settings: Any) -> dict[str, Any]:
    """Settings that go with `tiny_teacher`."""
    return {
        "preset": "paper",
        "teacher": str(teacher),
        "pdn": "extra_small",
        "image_size": 128,
        "autoencoder_width": 8,
        "autoencoder_weight": 0.5,
        "smoothing": 0.0,
        "steps": 24,
        "batch_size": 2,
        "crop": 64,
        "learning_rate": 1e-3,
        "averaged_steps": 500,
        "hard_quantile": 0.99,
        "keep_features": True,
        "penalty_images": 8,
        "border": "edge",
        "held_out": 0.15,
        "precision": "float32",
        "device": "cpu",
    } | settings


def tiny_teacher(path: Path, *, kind: str = "extra_small", seed: int = 0) -> Path:
    """Write a teacher of random weights as an ONNX file."""
    return write_teacher(path, random_teacher(kind, seed), name="random", licence="CC0-1.0")


def random_teacher(kind: str = "extra_small", seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights of a teacher."""
    rng = np.random.default_rng(seed)
    shapes = {name: shape for layer in pdn(kind) for name, shape in layer.shapes.items()}
    return {
        name: (rng.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5).astype(np.float32)
        if len(shape) > 1
        else (rng.standard_normal(shape) * 0.05).astype(np.float32)
        for name, shape in shapes.items()
    }


def write_teacher(path: Path, weights: dict[str, np.ndarray], **metadata: str) -> Path:
    """Write weights as initializers of an ONNX file, in half precision."""
    constants = [numpy_helper.from_array(v.astype(np.float16), k) for k, v in weights.items()]
    graph = helper.make_graph([], "teacher", [], [], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, metadata)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path
