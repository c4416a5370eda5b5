from __future__ import annotations

import re

import pytest

from blemish.model.model import load
from tiny import tiny_dataset


def test_thresholds_are_shown_and_nothing_is_written_without_an_output(blemish, fitted, data):
    before = fitted.read_bytes()
    found = blemish("calibrate", fitted, data, "--false-alarm-rate", "0.2")
    assert found.code == 0
    assert "not written" in found.out
    assert "promised" in found.out
    assert f"next: blemish calibrate {fitted} {data} --false-alarm-rate 0.2 -o" in found.err
    assert fitted.read_bytes() == before


def test_an_output_gets_the_same_graph_with_other_thresholds(blemish, fitted, data, good, tmp_path):
    new = tmp_path / "new.onnx"
    found = blemish("calibrate", fitted, data, "--false-alarm-rate", "0.2", "-o", new, "--json")
    assert found.code == 0
    assert found.json["sha256"] == load(new).sha256
    assert found.json["calibration"]["false_alarm_rate"] == 0.2
    assert found.json["before"]["false_alarm_rate"] == 1 / 25
    assert load(new).predict(good).score == load(fitted).predict(good).score


def test_old_and_new_thresholds_stand_side_by_side_and_more_alarms_are_told(
    blemish, fitted, data, tmp_path
):
    new = tiny_dataset(tmp_path / "new", good=30, seed=77)
    found = blemish("calibrate", fitted, new)
    assert re.search(r"before +now\nimage threshold +\d\.\d+ +\d\.\d+\nfalse-alarm rate", found.out)
    assert re.search(r"own good images above +0 of 24 +\d+ of 24", found.out)
    assert re.search(r"note: The image threshold (falls|rises) from", found.err)
    told = blemish("calibrate", fitted, new, "--false-alarm-rate", "0.2", "--json")
    image = told.json["changes"]["image_threshold"]
    assert image["before"] == load(fitted).calibration.image_threshold
    assert image["now"] == told.json["calibration"]["image_threshold"] < image["before"]
    assert image["own"]["now"] > image["own"]["before"] == 0
    assert "alarms will rise" in told.err
    assert "threshold" not in blemish("calibrate", fitted, data).err  # where nothing changes


def test_the_model_itself_is_replaced_only_by_force(blemish, fitted, data):
    found = blemish("calibrate", fitted, data, "-o", fitted)
    assert found.code == 2
    assert "--force" in found.err


def test_a_rate_that_cannot_be_promised_is_told(blemish, fitted, data):
    found = blemish("calibrate", fitted, data, "--false-alarm-rate", "0.001")
    assert found.code == 1
    assert "at least 999 good images" in found.err


@pytest.fixture(scope="module")
def defects(tmp_path_factory):
    """A folder of known defects, none of them in `data`."""
    folder = tiny_dataset(tmp_path_factory.mktemp("known") / "tile", defects=8, seed=3)
    return folder / "test" / "spot"


def test_costs_choose_the_threshold_and_what_it_amounts_to_is_told(
    blemish, fitted, data, defects, tmp_path
):
    new = tmp_path / "new.onnx"
    words = ["--defects", defects, "--cost-miss", "50", "--cost-false-alarm", "1"]
    found = blemish("calibrate", fitted, data, *words, "--defect-rate", "0.01", "-o", new)
    assert found.code == 0
    for told in (
        "by costs, no promise",
        "0 of 8 known defects",
        "miss 50, false alarm 1, 1.0% def",
    ):
        assert told in found.out
    assert load(new).calibration.costs.defects == 8
    shown = blemish("inspect", new)
    assert "by costs, no promise" in shown.out
    told = blemish("calibrate", fitted, data, *words, "--json").json["calibration"]
    assert told["basis"] == "costs"
    assert told["costs"]["miss_rate_at_most_95"] > 0.2


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (["--cost-miss", "50"], "--defects, --cost-false-alarm is missing"),
        (["--cost-miss", "50", "--cost-false-alarm", "1"], "--defects is missing"),
        (["--defect-rate", "0.1"], "--defects, --cost-miss, --cost-false-alarm is missing"),
    ],
)
def test_parts_of_a_cost_rule_that_are_missing_are_named(blemish, fitted, data, words, missing):
    found = blemish("calibrate", fitted, data, *words)
    assert found.code == 2
    assert missing in found.err


def test_defects_of_the_test_split_are_refused(blemish, fitted, data):
    words = ["--defects", data / "test" / "spot", "--cost-miss", "50", "--cost-false-alarm", "1"]
    found = blemish("calibrate", fitted, data, *words)
    assert found.code == 1
    assert "no label of the test split ever moves a threshold" in found.err


def test_regions_can_be_promised_apart(blemish, fitted, data):
    words = ["--false-alarm-rate", "0.2", "--region-rate", "0.08"]
    found = blemish("calibrate", fitted, data, *words)
    assert re.search(r"region rate +8\.0% promised", found.out)
    assert "not known" in found.out
    assert "rejected or region" in found.out


def test_a_tail_of_so_few_images_is_refused(blemish, fitted, data):
    found = blemish("calibrate", fitted, data, "--tail", "--false-alarm-rate", "0.001")
    assert found.code == 1
    assert "at least 90 good images" in found.err
