"""What the graph says of a score is what Python says, to the last bit of the threshold."""

from __future__ import annotations

import json
import math

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import blemish
from blemish.errors import ModelFileError
from blemish.graph.builder import FLOAT, GraphBuilder, tensor
from blemish.graph.session import Session
from blemish.graph.verdict import rounded_down, set_verdict
from mutations import facts_of, signed

thresholds = st.floats(-1e6, 1e6, allow_nan=False)


def graph_of_a_score():
    g = GraphBuilder()
    g.op("Identity", "raw", name="score")
    return g.build([tensor("raw", FLOAT, "N")], [tensor("score", FLOAT, "N")])


def beside(threshold):
    """The float32 numbers about a threshold."""
    nearest = np.float32(threshold)
    either = [np.nextafter(nearest, np.float32(way)) for way in (-np.inf, np.inf)]
    return np.array([either[0], nearest, either[1], -np.inf, np.inf], np.float32)


@settings(max_examples=60, deadline=None)
@given(threshold=thresholds)
def test_the_verdict_is_that_of_the_threshold_in_full_precision(threshold):
    model = graph_of_a_score()
    set_verdict(model.graph, image_threshold=threshold, pixel_threshold=0.1)
    scores = beside(threshold)
    verdict, shown = Session(model.SerializeToString()).run(["verdict", "threshold"], raw=scores)
    assert verdict.tolist() == [float(score) > threshold for score in scores]
    assert ((scores > shown) == verdict).all()


@given(value=thresholds)
def test_no_float_lies_between_a_threshold_and_its_rounded_one(value):
    rounded = rounded_down(value)
    assert float(rounded) <= value < float(np.nextafter(rounded, np.float32(np.inf)))


def test_a_score_that_is_no_number_is_never_good():
    model = graph_of_a_score()
    set_verdict(model.graph, image_threshold=1.0, pixel_threshold=1.0)
    (verdict,) = Session(model.SerializeToString()).run(["verdict"], raw=np.float32([math.nan]))
    assert verdict.all()


@pytest.mark.parametrize("name", ["threshold", "pixel_threshold"])
def test_other_thresholds_in_the_graph_than_follow_from_the_scores_are_refused(
    model, tmp_path, name
):
    model.save(tmp_path / "m.onnx")
    graph = onnx.load(tmp_path / "m.onnx")
    (node,) = (node for node in graph.graph.node if list(node.output) == [f"{name}_once"])
    node.attribute[0].t.raw_data = np.float32(1e9).tobytes()
    (tmp_path / "m.onnx").write_bytes(signed(graph, json.dumps(facts_of(graph))))
    for look in (blemish.load, blemish.inspect):
        with pytest.raises(ModelFileError, match=rf"'{name}' in its graph is 1e\+09"):
            look(tmp_path / "m.onnx")


def test_outputs_of_a_model_are_what_it_says_of_itself(model, category):
    images = np.stack([model.read(path) for path in sorted((category / "test").rglob("*.png"))])
    names = ["verdict", "threshold", "pixel_threshold"]
    verdict, threshold, pixel_threshold = model.session.run(names, image=images)
    assert verdict.tolist() == [p.verdict == "defect" for p in model.predict(list(images))]
    assert threshold.shape == pixel_threshold.shape == verdict.shape == (len(images),)
    assert (threshold == rounded_down(model.calibration.image_threshold)).all()
    assert (pixel_threshold == rounded_down(model.calibration.pixel_threshold)).all()
    assert verdict.any()
    assert not verdict.all()


def test_calibrating_anew_replaces_thresholds_and_nothing_else(model, category, tmp_path):
    model.save(tmp_path / "before.onnx")
    dataset = blemish.open_dataset(category)
    again = blemish.recalibrate(model, dataset, false_alarm_rate=0.2, region_rate=0.3)
    again.save(tmp_path / "after.onnx")
    before, after = (onnx.load(tmp_path / f"{name}.onnx").graph for name in ("before", "after"))
    assert before != after
    for graph in (before, after):
        set_verdict(graph, image_threshold=1.0, pixel_threshold=1.0)
    assert before == after
    (threshold,) = again.session.run(["threshold"], image=np.zeros((1, 8, 8, 3), np.uint8))
    assert threshold == rounded_down(again.calibration.image_threshold)
    assert threshold < rounded_down(model.calibration.image_threshold)


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-46, -1e-46])
def test_thresholds_that_float32_cannot_hold(value):
    assert float(rounded_down(value)) <= value
