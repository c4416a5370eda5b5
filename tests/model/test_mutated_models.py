"""Model files of somebody who can sign: one truth, or one error; never a traceback."""

from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import onnx
import pytest

import blemish
from blemish.errors import ModelFileError
from blemish.graph.engine import Engine
from blemish.model import file as metadata
from mutations import DEEP, facts_of, mutated, signed, try_file


@pytest.fixture(scope="module")
def truth(model):
    return onnx.load_model_from_string(model._data)


@pytest.fixture
def refusal(truth, tmp_path):
    """What `load` and `inspect` say of a model with other facts, or another graph."""

    def ask(facts=None, *, graph=None, text=None):
        path = tmp_path / "model.onnx"
        text = json.dumps(facts or facts_of(truth)) if text is None else text
        path.write_bytes(signed(graph or truth, text))
        said = []
        for use in (blemish.load, blemish.inspect):
            with pytest.raises(ModelFileError) as error:
                use(path)
            said.append(str(error.value))
            assert str(path) in said[-1] or "ONNX Runtime cannot load" in said[-1]
        return "\n".join(said)

    return ask


@pytest.fixture
def facts(truth):
    return facts_of(truth)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_threshold", 1e9),
        ("image_threshold", 0.9552),
        ("pixel_threshold", -1.0),
        ("false_alarm_rate", 0.5),
        ("region_rate", 0.5),
        ("basis", "model-based"),
        ("region_basis", "model-based"),
        ("images", 2400),
        ("upper_bound_95", 0.01),
        ("region_upper_bound_95", 0.01),
        ("rate_if_dropped_were_good", 0.5),
    ],
)
def test_what_is_stated_must_follow_from_the_scores(facts, refusal, name, value):
    facts["calibration"][name] = value
    said = refusal(facts)
    assert "contradicts itself" in said
    assert "_threshold' is stated as" in said if name.endswith("_rate") else f"'{name}' is" in said


@pytest.mark.parametrize(("name", "value"), [("lowest_rate", 0.0001), ("either_rate", 0.0)])
def test_what_is_promised_must_follow_from_them_too(facts, refusal, name, value):
    facts["calibration"][name] = value
    assert f"'{name}' is stated as" in refusal(facts)


def test_a_file_that_states_a_threshold_but_other_scores_is_refused(facts, refusal):
    for row in facts["calibration"]["scored"]:
        row[2] = 1e9
    assert "'image_threshold' is stated as" in refusal(facts)


def test_whoever_searches_for_a_threshold_finds_the_one_that_is_used(facts, refusal):
    """As the program in C++ does, on the page about other languages."""
    facts["aaa"] = {"image_threshold": 1e9}
    assert "'image_threshold' is not there exactly once" in refusal(facts)
    del facts["aaa"]
    text = json.dumps(facts | {"aaa": {"pixel_threshold": 1e9}}, sort_keys=True)
    before, _, after = text.rpartition('"pixel_threshold":')
    hidden = f'{before}"pixel\\u005fthreshold":{after}'
    assert hidden != text
    assert "'pixel_threshold' is not there exactly once" in refusal(text=hidden)


@pytest.fixture(scope="module")
def ruled(model, category, tmp_path_factory):
    """A model with a threshold by costs."""
    from tiny import tiny_dataset

    known = tiny_dataset(tmp_path_factory.mktemp("known") / "noise", defects=12, seed=4)
    found = blemish.recalibrate(
        model,
        blemish.open_dataset(category),
        costs=blemish.Costs(50, 1, 0.02),
        defects=sorted((known / "test" / "spot").iterdir()),
    )
    return onnx.load_model_from_string(found._data)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("threshold", 5.0, "'costs.threshold' is stated as 5"),
        ("defects", 11, "and 11 defects, but scores are kept of 24 and 12"),
        ("good", 23, "counts 23 good images"),
        ("misses", 13, "more wrong decisions than images"),
        ("false_alarm_rate", 0.5, "'costs' is stated as"),
    ],
)
def test_a_threshold_by_costs_must_follow_from_scores_and_costs(ruled, refusal, name, value, said):
    facts = facts_of(ruled)
    facts["calibration"]["costs"][name] = value
    assert said in refusal(facts, graph=ruled)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("calibration", None, "calibration: expected object, got null"),
        ("calibration.scored", {}, "calibration.scored: expected array"),
        ("calibration.scored.3", ["a", "b"], "calibration.scored[3]: expected array of length 4"),
        ("calibration.scored.3.1", "b", "calibration.scored[3][1]: expected str matching"),
        ("calibration.scored.3.2", "1", "calibration.scored[3][2]: expected float"),
        ("calibration.scored.3.2", True, "calibration.scored[3][2]: expected float"),
        ("calibration.region_rate", 0, "calibration.region_rate: expected float > 0"),
        ("calibration.smallest_region_px", 1.5, "calibration.smallest_region_px: expected int"),
        ("calibration.tails", {}, "calibration.tails: object missing required field scores"),
        ("detector.batch", 0, "detector.batch: expected int >= 1"),
        ("detector.details", ..., "detector: object missing required field details"),
        ("detector.seed", "0", "detector.seed: expected int"),
        ("detector.sources.0.sha256", "b", "detector.sources[0].sha256: expected str matching"),
        ("detector.told", ["bank"], "detector.told[0]: expected array"),
        ("input.format.bit_depth", 12, "input.format.bit_depth: invalid enum value 12"),
        ("input.format.bit_depth", 16, "input 'image' is tensor(uint8)"),
        ("input.alpha", "guess", "input.alpha: invalid enum value 'guess'"),
        ("training.images", ..., "training: object missing required field images"),
        ("training.appearance", [], "training.appearance: expected object"),
        ("training.appearance", {"height_px": [1, 2]}, "object missing required field width_px"),
        ("training.appearance.colour", [1], "appearance.colour: expected array of length 2"),
        ("training.appearance.colour", [2, 1], "training.appearance: colour goes from 2 to 1"),
        ("training.appearance.aspect", [0, None], "training.appearance.aspect[1]: expected float"),
        ("training.suspicious", [], "training.suspicious: expected object"),
        ("versions.numpy", 2, "versions[...]: expected str"),
        ("other", [[1e999]], "Infinity is no number"),
        ("other", 10**400, "a whole number is too large"),
        ("other", "a" * 70_000, "a text has 70,000 characters"),
        ("other", "\ud800", "is no Unicode"),
        ("schema", 5, "this version reads schemas 3 to 4. Upgrade"),
        ("schema", 2, "this version reads schemas 3 to 4. Fit it again"),
        ("schema", "2", "schema: expected int"),
        ("schema", ..., "it: object missing required field schema"),
    ],
)
def test_a_malformed_fact_is_named(facts, refusal, place, value, said):
    *way, key = (int(step) if step.isdecimal() else step for step in place.split("."))
    holder = facts
    for step in way:
        holder = holder[step]
    if value is ...:
        del holder[key]
    else:
        holder[key] = value
    assert said in refusal(facts)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no JSON"),
        ("[]", "it: expected object"),
        ("{", "it is no JSON"),
        (DEEP, "nested too deeply"),
        ("[" * 40 + "]" * 40, "nested more than 32 deep"),
        ('{"schema": 1, "schema": 2}', "'schema' is there twice"),
        ('{"schema": NaN}', "NaN is no number"),
        ('{"schema": 1e999}', "a number is too large"),
    ],
)
def test_a_text_that_is_no_sound_json_is_refused(refusal, text, said):
    assert said in refusal(text=text)


def outside(tensor, place):
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)


def test_a_model_never_reads_numbers_from_elsewhere(truth, refusal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.bin").write_bytes(bytes(10**6))
    for place in ("secret.bin", "../secret.bin", "*/_ORT_MEM_ADDR_/*"):
        graph = onnx.ModelProto()
        graph.CopyFrom(truth)
        outside(max(graph.graph.initializer, key=lambda tensor: len(tensor.raw_data)), place)
        assert "takes numbers from other files" in refusal(graph=graph)


def test_nor_do_its_attributes_and_inner_graphs(truth, refusal):
    graph = onnx.ModelProto()
    graph.CopyFrom(truth)
    tensor = onnx.numpy_helper.from_array(np.zeros(4, np.float32), "inner")
    outside(tensor, "secret.bin")
    constant = onnx.helper.make_node("Constant", [], ["c"], value=tensor)
    body = onnx.helper.make_graph([constant], "body", [], [onnx.ValueInfoProto(name="c")])
    graph.graph.node.append(
        onnx.helper.make_node("If", ["x"], ["y"], then_branch=body, else_branch=body)
    )
    assert "takes numbers from other files" in refusal(graph=graph)


def test_a_name_in_which_location_occurs_does_no_harm(truth, facts, tmp_path):
    facts["training"]["images"][0][0] = "location"
    path = tmp_path / "model.onnx"
    path.write_bytes(signed(truth, json.dumps(facts)))
    blemish.load(path)


def change_graph(graph, what):
    outputs = {output.name: output for output in graph.graph.output}
    if what == "no map":
        graph.graph.output.remove(outputs["score_map"])
    elif what == "whole numbers":
        graph.graph.output.remove(outputs["score_map"])
        graph.graph.node.append(
            onnx.helper.make_node("Cast", ["score_map"], ["cast"], to=onnx.TensorProto.INT64)
        )
        graph.graph.node[-1].output[0] = "score_map_int"
        value = onnx.helper.make_tensor_value_info("score_map_int", 7, ["N", "H", "W"])
        graph.graph.output.append(value)
    elif what == "another input":
        value = onnx.helper.make_tensor_value_info("mask", onnx.TensorProto.FLOAT, ["N"])
        graph.graph.input.append(value)
    elif what == "unknown operator":
        graph.graph.node[0].domain = "com.example"
        graph.graph.node[0].op_type = "Nope"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("no map", "output 'score_map' is missing"),
        ("whole numbers", "output 'score_map' is missing"),
        ("another input", "it has another input, 'mask'"),
    ],
)
def test_a_graph_that_does_not_judge_images_is_refused(truth, refusal, what, said):
    graph = onnx.ModelProto()
    graph.CopyFrom(truth)
    change_graph(graph, what)
    assert said in refusal(graph=graph)


def test_an_operator_that_nobody_knows_is_an_error_of_the_file(truth, facts, tmp_path):
    graph = onnx.ModelProto()
    graph.CopyFrom(truth)
    change_graph(graph, "unknown operator")
    path = tmp_path / "model.onnx"
    path.write_bytes(signed(graph, json.dumps(facts)))
    with pytest.raises(ModelFileError, match="cannot load the graph"):
        blemish.load(path)


def test_a_graph_that_fails_on_an_image_gives_an_error_row_for_it(truth, facts, tmp_path):
    graph = onnx.ModelProto()
    graph.CopyFrom(truth)
    for node in graph.graph.node:
        node.output[:] = [f"{name}_" if name == "score" else name for name in node.output]
    graph.graph.node.append(onnx.helper.make_node("Concat", ["score_"] * 2, ["score"], axis=0))
    path = tmp_path / "model.onnx"
    path.write_bytes(signed(graph, json.dumps(facts)))
    image = np.zeros((64, 64, 3), np.uint8)
    for threads in (1, 2):
        results = list(blemish.load(path, engine=Engine(threads=threads)).predict_each([image] * 3))
        told = [result.error for result in results]
        assert all("gives scores of shape" in one or "cannot run the graph" in one for one in told)


def test_files_of_no_bytes_and_of_too_many_are_refused(tmp_path):
    (tmp_path / "empty.onnx").write_bytes(b"")
    with pytest.raises(ModelFileError, match="truncated"):
        blemish.load(tmp_path / "empty.onnx")
    with (tmp_path / "large.onnx").open("wb") as stream:
        os.truncate(stream.fileno(), 2**31)
    for use in (blemish.load, blemish.inspect):
        with pytest.raises(ModelFileError, match="larger than 2 GB"):
            use(tmp_path / "large.onnx")


def test_no_mutation_is_a_traceback_or_judges_by_other_thresholds_than_it_states(
    model, category, tmp_path
):
    path, image = tmp_path / "model.onnx", category / "test" / "good" / "000.png"
    outcomes = set()
    for number, (done, data) in enumerate(mutated(model._data, count=250, seed=0)):
        path.write_bytes(data)
        try:
            outcomes.add(try_file(path, image, commands=number % 15 == 0))
        except Exception as error:
            raise AssertionError(f"mutation {number}, {done}: {error!r}") from error
    assert outcomes == {"refused", "used", "not judged"}


def test_words_that_are_there_twice_are_refused(truth, facts, tmp_path):
    """Readers would differ in which they take."""
    twice = onnx.ModelProto()
    twice.CopyFrom(truth)
    for key in ("blemish.sha256", "blemish"):
        twice.metadata_props.add(key=key, value="0" * 64)
        path = tmp_path / "twice.onnx"
        path.write_bytes(signed_as_it_is(twice))
        for use in (blemish.load, blemish.inspect):
            with pytest.raises(ModelFileError, match="says things of itself twice"):
                use(path)


def signed_as_it_is(model):
    """With whatever words it has."""
    data = model.SerializeToString(deterministic=True)
    place = data.rindex(metadata._MARK) + len(metadata._MARK)
    blank = data[:place] + b"0" * 64 + data[place + 64 :]
    return data[:place] + hashlib.sha256(blank).hexdigest().encode() + data[place + 64 :]
