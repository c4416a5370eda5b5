"""A backbone that goes out of range is told of, by training images or by views of them."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from blemish.detectors.conformance.images import DrawnImages, training_images
from blemish.detectors.features.feature_range import FACTOR, FeatureRange, views
from blemish.detectors.padim.detector import Padim
from blemish.detectors.patchcore.detector import PatchCore
from blemish.images.format import ImageFormat
from heard import Heard
from tiny import LEVELS


def exploding(path, steepness):
    """Write a backbone whose features grow exponentially with brightness."""
    nodes, weights = [], []
    for name, stride in zip(LEVELS, (4, 8), strict=True):
        kernel = np.full((8, 3, stride, stride), steepness / (3 * stride**2), np.float32)
        weights.append(numpy_helper.from_array(kernel, f"{name}_kernel"))
        conv = ["image", f"{name}_kernel"]
        nodes.append(helper.make_node("Conv", conv, [f"{name}_sum"], strides=[stride, stride]))
        nodes.append(helper.make_node("Exp", [f"{name}_sum"], [name]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, "H", "W"])
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * 4) for n in LEVELS]
    graph = helper.make_graph(nodes, "exploding", [image], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    known = {"name": "exploding", "licence": "CC0-1.0"}
    known |= {"mean": json.dumps([0.5] * 3), "std": json.dumps([0.25] * 3)}
    helper.set_model_props(model, known)
    onnx.save(model, path)
    return str(path)


@pytest.mark.parametrize("detector", [PatchCore, Padim])
def test_a_fit_tells_of_a_backbone_that_a_brighter_view_drives_out_of_range(detector, tmp_path):
    notes = {}
    for name, steepness in (("steep", 3), ("gentle", 0.5)):
        backbone = exploding(tmp_path / f"{name}.onnx", steepness)
        heard, images = Heard(), DrawnImages(training_images())
        detector(backbone=backbone, levels=LEVELS, image_size=72).fit(images, progress=heard)
        notes[name] = heard.said
    (note,) = notes["steep"]
    assert "'exploding'" in note
    assert "flipped and brighter" in note
    assert not notes["gentle"]


def test_what_is_usual_is_a_matter_of_most_images_and_not_of_views():
    usual, far = np.ones((4, 4, 3), np.float32), np.full((4, 4, 3), FACTOR * 1.1, np.float32)
    seen = FeatureRange(3)
    for name in "abc":
        seen.add(name, usual)
        for _ in range(3):
            seen.add_view(f"{name}, flipped", usual * (FACTOR * 0.9))
    assert seen.notes("some") == []
    seen.add("d", far)
    (note,) = seen.notes("some")
    assert "'d'" in note
    assert "4 times" in note


@pytest.mark.parametrize(("count", "viewed"), [(1, 1), (50, 1), (100, 2), (209, 4), (5000, 4)])
def test_few_images_are_viewed_the_same_ones_each_time(count, viewed):
    chosen, again = (
        [number for number in range(count) if FeatureRange(count).has_views(number)]
        for _ in range(2)
    )
    assert len(chosen) == viewed
    assert chosen == again


def test_views_are_flips_darker_and_brighter_no_brighter_than_white():
    image = np.arange(12, dtype=np.uint16).reshape(2, 2, 3) * 400
    (_, dark), (_, bright) = views("a", image, ImageFormat(16, 4095))
    np.testing.assert_array_equal(dark, image[::-1] // 2)
    np.testing.assert_array_equal(bright, np.minimum(image[:, ::-1] * 1.5, 4095))
    assert dark.dtype == bright.dtype == np.uint16
