from __future__ import annotations

from blemish.model import load


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


def test_the_model_itself_is_replaced_only_by_force(blemish, fitted, data):
    found = blemish("calibrate", fitted, data, "-o", fitted)
    assert found.code == 2
    assert "--force" in found.err


def test_a_rate_that_cannot_be_promised_is_told(blemish, fitted, data):
    found = blemish("calibrate", fitted, data, "--false-alarm-rate", "0.001")
    assert found.code == 1
    assert "at least 999 good pictures" in found.err
