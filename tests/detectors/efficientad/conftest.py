"""The oracle of EfficientAd: nets, images and figures of a reference implementation."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from blemish.detectors.efficientad.architecture import MEAN, STD, pdn
from blemish.detectors.efficientad.pdn_teacher import PdnTeacher
from blemish.detectors.efficientad.settings import EfficientAdSettings
from blemish.detectors.efficientad.teacher import layers_of


def normalised(images):
    """Images N x H x W x 3, uint8, as the nets take them."""
    values = (images.astype(np.float64) / 255 - MEAN) / STD
    return values.transpose(0, 3, 1, 2).astype(np.float32)


def in_order(tensors, prefix, layers):
    """The weights of a net whose layers are numbered, under our names."""
    numbers = sorted({int(n.split(".")[1]) for n in tensors if n.startswith(prefix)})
    return {
        f"{layer.name}.{part}": tensors[f"{prefix}.{number}.{part}"].astype(np.float32)
        for number, layer in zip(numbers, layers, strict=True)
        for part in ("weight", "bias")
    }


class Oracle(SimpleNamespace):
    """What the reference implementation was given, and what it made of that."""

    positions = ((0, 0), (0, 55), (55, 0), (55, 55), (27, 28), (13, 40), (41, 7))
    channels = (0, 97, 250, 383)

    def images(self, name):
        """Images of its input as the nets take them."""
        stored = self.inputs[name]
        return normalised(stored if stored.ndim == 4 else stored[None])

    def check_features(self, features, name):
        """Features N x C x 56 x 56 at the channels and positions that are stored."""
        channels = [c for c in (*self.channels, *(c + 384 for c in self.channels))
                    if c < features.shape[1]]  # fmt: skip
        check_close(features[:, channels], self.outputs[f"{name}_channels"], 1e-5)
        rows, columns = zip(*self.positions, strict=True)
        at = features[:, :, rows, columns].transpose(0, 2, 1)
        check_close(at, self.outputs[f"{name}_positions"], 1e-5)


def check_close(ours, theirs, most):
    """The largest difference, relative to the largest value, is small."""
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= most * np.abs(theirs).max()


@pytest.fixture
def close():
    return check_close


@pytest.fixture(scope="session")
def oracle(shared):
    """Weights by net, inputs, outputs, figures (`values`) and the settings that go with them."""
    load_file = pytest.importorskip("safetensors.numpy").load_file
    folder = shared / "oracles" / "efficientad"
    settings = EfficientAdSettings(preset="paper")
    tensors = load_file(folder / "weights.safetensors")
    weights = in_order(tensors, "teacher", pdn("small"))
    teacher = PdnTeacher("small", weights, "oracle", "none", "")
    layers = layers_of(settings, teacher)
    return Oracle(
        folder=folder,
        settings=settings,
        layers=layers,
        teacher=teacher,
        student=in_order(tensors, "student", layers.student),
        autoencoder=in_order(tensors, "autoencoder", layers.autoencoder),
        inputs=np.load(folder / "inputs.npz"),
        outputs=np.load(folder / "outputs.npz"),
        values=json.loads((folder / "efficientad.json").read_text())["values"],
        augmentation=json.loads((folder / "efficientad.json").read_text())["augmentation"],
    )
