"""Scores that are no numbers: never good, and the image is named, wherever they turn up."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from PIL import Image

import blemish
from blemish.errors import BackboneError, CalibrationError, ImageError, ModelFileError
from blemish.graph.engine import Engine
from blemish.model.facts import parse_facts
from blemish.model.file import sign
from blemish.model.probing import probe
from tiny import SIDE, tiny_dataset, tiny_settings


def spoilt(data: bytes, *, output: str, value: float) -> bytes:
    """A model that gives `value` where its output would be above 100, and is sound elsewhere.

    Of an image that is white all over, say.
    """
    model = onnx.load_model_from_string(data)
    text = next(entry.value for entry in model.metadata_props if entry.key == "blemish")
    for node in model.graph.node:
        node.output[:] = [f"{name}_sound" if name == output else name for name in node.output]
        node.input[:] = [f"{name}_sound" if name == output else name for name in node.input]
    constants = {
        "spoilt_limit": np.float32(100),
        "spoilt_value": np.float32(value),
        "spoilt_axes": np.array([1, 2, 3]),
        "spoilt_shape": np.array([-1] if output == "score" else [-1, 1, 1]),
    }
    for name, number in constants.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(number, name))
    nodes = [
        (["Cast", "image"], {"to": onnx.TensorProto.FLOAT}, "spoilt_pixels"),
        (["ReduceMin", "spoilt_pixels", "spoilt_axes"], {"keepdims": 0}, "spoilt_least"),
        (["Reshape", "spoilt_least", "spoilt_shape"], {}, "spoilt_darkest"),
        (["Greater", "spoilt_darkest", "spoilt_limit"], {}, "spoilt_is"),
        (["Where", "spoilt_is", "spoilt_value", f"{output}_sound"], {}, output),
    ]
    for (kind, *inputs), attributes, name in nodes:
        model.graph.node.append(onnx.helper.make_node(kind, inputs, [name], **attributes))
    return sign(model, parse_facts(text, "the model"))


CASES = [("score", np.nan), ("score", -np.inf), ("score_map", np.nan), ("score_map", np.inf)]


@pytest.fixture(scope="module", params=CASES, ids=str)
def broken(request, model, tmp_path_factory):
    """A model that gives no finite score, or map, for images that are bright all over."""
    output, value = request.param
    path = tmp_path_factory.mktemp("broken") / "model.onnx"
    path.write_bytes(spoilt(model._data, output=output, value=value))
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Dark noise, but for the second image, which is white."""
    folder = tmp_path_factory.mktemp("images")
    noise = np.random.default_rng(0).integers(40, 80, (3, SIDE, SIDE, 3)).astype(np.uint8)
    noise[1] = 255
    for number, image in enumerate(noise):
        Image.fromarray(image).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


def test_a_score_that_is_not_finite_is_an_error_row_and_the_rest_go_on(broken, images):
    for threads in (1, 2):  # in batches, and on a core each
        model = blemish.load(broken, engine=Engine(threads=threads))
        results = list(model.predict_each(images))
        failed = [isinstance(result, blemish.Failure) for result in results]
        assert failed == [False, True, False]
        assert "1.png: the model gives no finite score and map" in results[1].error
        assert list(model.predict_each(images[1:2])) == results[1:2]
        with pytest.raises(ImageError, match=r"1\.png.*verify=True"):
            model.predict(images[1])


def test_raw_stays_raw(broken, images):
    model = blemish.load(broken)
    scores, maps = model.raw(np.stack([model.read(image) for image in images]))
    assert not (np.isfinite(scores).all() and np.isfinite(maps).all())


def test_a_large_finite_map_is_judged(model, images, tmp_path):
    large = tmp_path / "large.onnx"
    large.write_bytes(spoilt(model._data, output="score_map", value=1e38))
    assert blemish.load(large).predict(images[1]).score_map.max() == np.float32(1e38)


def test_figures_and_thresholds_name_the_image(broken, tmp_path, images):
    folder = tiny_dataset(tmp_path / "noise", good=4)
    for split in ("train", "test"):
        Image.open(images[1]).save(folder / split / "good" / "white.png")
    dataset = blemish.open_dataset(folder)
    model = blemish.load(broken)
    with pytest.raises(ImageError, match=r"good/white\.png"):
        blemish.evaluate(model, dataset)
    with pytest.raises(ImageError, match=r"good/white\.png"):
        blemish.recalibrate(model, dataset)


def test_a_left_out_score_that_is_not_finite_names_its_image(category, backbone):
    class Spoils(blemish.PatchCore):
        def fit(self, images, *, progress, folder=None, engine=None):
            return Spoilt(super().fit(images, progress=progress))

    class Spoilt:
        def __init__(self, fitted):
            self._fitted = fitted

        def __getattr__(self, name):
            return getattr(self._fitted, name)

        def held_out_scores(self, *, progress):
            for one in self._fitted.held_out_scores(progress=progress):
                yield replace(one, score=np.nan) if one.name.endswith("002.png") else one

    with pytest.raises(CalibrationError, match=r"not a finite number.*train/good/002\.png"):
        blemish.fit(blemish.open_dataset(category), Spoils(**tiny_settings(backbone)))


def test_features_that_are_not_finite_name_the_image_before_they_get_into_a_bank(
    category, backbone, images, tmp_path
):
    """A backbone that takes the root of how far below white an image's darkest value is."""
    network = onnx.load(backbone)
    for node in network.graph.node:
        node.output[:] = [f"{name}_" if name == "fine" else name for name in node.output]
        node.input[:] = [f"{name}_" if name == "fine" else name for name in node.input]
    for name, value in (("limit", np.float32(1.9)), ("axes", np.array([1, 2, 3]))):
        network.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    network.graph.node.extend(
        [
            onnx.helper.make_node("ReduceMin", ["image", "axes"], ["darkest"]),
            onnx.helper.make_node("Sub", ["limit", "darkest"], ["below"]),
            onnx.helper.make_node("Sqrt", ["below"], ["root"]),
            onnx.helper.make_node("Add", ["fine_", "root"], ["fine"]),
        ]
    )
    onnx.save(network, tmp_path / "root.onnx")
    shutil.copytree(category, tmp_path / "noise")
    shutil.copy(images[1], tmp_path / "noise" / "train" / "good" / "white.png")
    detector = blemish.PatchCore(**tiny_settings(tmp_path / "root.onnx"))
    with pytest.raises(BackboneError, match=r"no finite features.*train/good/white\.png"):
        blemish.fit(blemish.open_dataset(tmp_path / "noise"), detector)


def test_verifying_finds_what_an_empty_image_does_not_show(broken, model):
    with pytest.raises(ModelFileError, match=r"white, 64 x 64.*and \d+ more"):
        probe(blemish.load(broken))
    assert probe(model) == 28
