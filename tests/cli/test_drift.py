from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import blemish as library
from blemish.files import held
from blemish.monitor.monitor import Monitor
from blemish.result import Look


@pytest.fixture
def line(data, tmp_path):
    """Good images of a line, and the same with a tenth of the light, by number."""
    (tmp_path / "line").mkdir()
    sources = sorted((data / "train" / "good").glob("*.png"))

    def write(first, count, *, light=1.0):
        written = []
        for number in range(first, first + count):
            with Image.open(sources[number % len(sources)]) as image:
                pixels = np.asarray(image.convert("RGB")) * light
            path = tmp_path / "line" / f"{number:04}.png"
            Image.fromarray(pixels.round().astype(np.uint8)).save(path)
            written.append(path)
        return written

    return write


def test_a_monitor_goes_on_from_run_to_run_and_tells_what_has_changed(
    blemish, fitted, line, tmp_path
):
    state = tmp_path / "state.json"
    found = blemish("predict", fitted, *line(0, 30), "--monitor", state)
    assert found.code == 0
    assert "monitor: 30 parts, no change seen; most evidence in " in found.err
    assert set(found.lines[0]["look"]) == set(Look._fields)
    before = state.read_bytes()
    found = blemish("predict", fitted, *line(30, 20, light=0.1), "--monitor", state)
    assert found.code == 0
    told = " ".join(found.err.split())
    assert "note: The line has changed since about part " in told
    assert state.read_bytes() != before
    assert Monitor.load(state).parts == 50
    found = blemish("predict", fitted, *line(50, 1), "--monitor", state, "--fail-on-drift")
    assert found.code == 4
    assert "The line has changed" in found.err


def test_without_a_monitor_lines_are_as_they_were(blemish, fitted, good):
    (line,) = blemish("predict", fitted, good).lines
    assert "look" not in line


def test_the_monitor_sees_what_the_library_says(blemish, fitted, line, tmp_path):
    paths = line(0, 6)
    blemish("predict", fitted, *paths, "--monitor", tmp_path / "state.json")
    model = library.load(fitted)
    monitor = library.Monitor(model)
    for prediction in model.predict(list(map(str, paths)), looks=True):
        assert monitor.update(prediction) is None
    assert monitor.to_state() == Monitor.load(tmp_path / "state.json").to_state()


def test_a_state_of_another_model_is_refused_before_anything_is_judged(
    blemish, fitted, line, tmp_path
):
    state = tmp_path / "state.json"
    blemish("predict", fitted, *line(0, 1), "--monitor", state)
    values = json.loads(state.read_text())
    state.write_text(json.dumps(values | {"model_sha256": "b" * 64}))
    before = state.read_bytes()
    found = blemish("predict", fitted, *line(0, 1), "--monitor", state)
    assert found.code == 1
    assert found.out == ""
    assert "watches a line by another model (bbbbbbbbbbbb..., " in found.err
    assert state.read_bytes() == before


@pytest.mark.parametrize("content", ["", "no state", '{"schema": 1}', "[1]"])
def test_no_other_file_is_taken_for_a_state_or_replaced(blemish, fitted, good, tmp_path, content):
    state = tmp_path / "notes.txt"
    state.write_text(content)
    found = blemish("predict", fitted, good, "--monitor", state)
    assert found.code == 1
    assert "is no state of a monitor" in found.err
    assert state.read_text() == content


def test_what_was_judged_counts_whatever_ends_the_rest(
    blemish, fitted, line, tmp_path, monkeypatch
):
    state, paths = tmp_path / "state.json", line(0, 4)
    judged = library.Model.predict_each

    def ends(self, *images, **options):
        results = judged(self, *images, **options)
        yield next(results)
        raise KeyboardInterrupt

    monkeypatch.setattr(library.Model, "predict_each", ends)
    assert blemish("predict", fitted, *paths, "--monitor", state).code == 130
    assert Monitor.load(state).parts == 1
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


def test_images_that_cannot_be_judged_are_no_parts(blemish, fitted, line, tmp_path):
    (tmp_path / "line").mkdir(exist_ok=True)
    (tmp_path / "line" / "none.png").write_bytes(b"no image")
    line(0, 2)
    found = blemish("predict", fitted, tmp_path / "line", "--monitor", tmp_path / "state.json")
    assert found.code == 1
    assert Monitor.load(tmp_path / "state.json").parts == 2


@pytest.mark.parametrize(
    "options", [["--monitor-line"], ["--fail-on-drift"], ["--parts-per-alarm", "10"]]
)
def test_drift_takes_a_monitor(blemish, fitted, good, options):
    found = blemish("predict", fitted, good, *options)
    assert found.code == 2
    assert "--monitor STATE" in found.err


def test_what_a_monitor_began_with_stays(blemish, fitted, good, tmp_path):
    state = tmp_path / "state.json"
    words = ("predict", fitted, good, "--monitor", state, "--parts-per-alarm")
    assert blemish(*words, 5000).code == 0
    assert blemish(*words[:-1]).code == 0
    assert Monitor.load(state).parts_per_alarm == 5000
    found = blemish(*words, 6000)
    assert found.code == 2
    assert "began with --parts-per-alarm 5000, and stays with it; leave the option" in found.err
    found = blemish(*words[:-1], "--monitor-line")
    assert found.code == 2
    assert "began with the training images, not --monitor-line" in " ".join(found.err.split())


def test_a_line_that_began_with_its_own_parts_goes_on_with_and_without_saying_so(
    blemish, fitted, good, tmp_path
):
    words = ("predict", fitted, good, "--monitor", tmp_path / "state.json")
    assert [
        blemish(*words, *more).code for more in (["--monitor-line"], ["--monitor-line"], [])
    ] == [0] * 3
    assert Monitor.load(tmp_path / "state.json").of_line


def test_two_runs_at_once_on_one_state_lose_no_part(blemish, fitted, good, tmp_path):
    state = tmp_path / "state.json"
    words = ("predict", fitted, good, "--monitor", state)
    assert blemish(*words).code == 0
    with held(state, busy=""):
        found = blemish(*words)
    assert (found.code, found.out) == (1, "")
    assert "Another run watches with" in found.err
    assert blemish(*words).code == 0
    assert Monitor.load(state).parts == 2


def test_a_state_that_cannot_be_written_is_told_before_anything_is_judged(
    blemish, fitted, good, tmp_path
):
    found = blemish("predict", fitted, good, "--monitor", tmp_path / "none" / "state.json")
    assert found.code == 2
    assert found.out == ""


@pytest.fixture
def log(blemish, fitted, line, tmp_path):
    """Predictions of 50 parts, the last twenty of them in little light."""
    out = tmp_path / "out"
    state = tmp_path / "state.json"
    paths = [*line(0, 30), *line(30, 20, light=0.1)]
    assert blemish("predict", fitted, *paths, "-o", out, "--monitor", state).code == 0
    return out


def test_a_log_is_gone_through_as_the_monitor_saw_it(blemish, fitted, log, tmp_path):
    found = blemish("drift", log, "--model", fitted, "--json")
    assert found.code == 0
    assert (found.json["parts"], found.json["looks"]) == (50, 50)
    alarm = Monitor.load(tmp_path / "state.json").alarm
    assert found.json["alarm"]["part"] == alarm.part
    assert found.json["alarm"]["reason"] == alarm.reason
    assert [step["part"] for step in found.json["steps"]] == list(range(5, 51, 5))
    table = blemish("drift", log, "--model", fitted, "--fail-on-drift")
    assert table.code == 4
    assert table.out.startswith("parts  50, 50 with how their images look")
    assert "The line has changed since about part" in " ".join(table.out.split())


def test_a_log_is_held_against_its_own_parts_where_no_model_is_named(blemish, log):
    found = blemish("drift", log / "predictions.jsonl", "--json")
    assert found.code == 0
    assert found.json["parts"] == 50


def test_lines_without_looks_and_torn_ones_do(blemish, log):
    lines = (log / "predictions.jsonl").read_text().splitlines()
    bare = [{k: v for k, v in json.loads(line).items() if k != "look"} for line in lines]
    text = "".join(json.dumps(line) + "\n" for line in [*bare, {"path": "x", "error": "gone"}])
    (log / "predictions.jsonl").write_text(text + '{"path": "torn", "sco')
    found = blemish("drift", log, "--json")
    assert (found.json["parts"], found.json["looks"]) == (50, 0)


def test_a_log_of_another_model_is_refused(blemish, fitted, log):
    run = log / "predictions.run.json"
    run.write_text(json.dumps(json.loads(run.read_text()) | {"model_sha256": "c" * 64}))
    found = blemish("drift", log, "--model", fitted)
    assert found.code == 1
    assert "holds predictions of another model (cccccccccccc..., " in found.err


def test_a_log_without_predictions_is_told(blemish, tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    found = blemish("drift", tmp_path / "empty.jsonl")
    assert found.code == 1
    assert "holds no predictions" in found.err
    found = blemish("drift", tmp_path / "none")
    assert found.code == 1
    assert "Cannot look at" in found.err
    (tmp_path / "predictions.run.json").write_text("{")
    found = blemish("drift", tmp_path / "empty.jsonl")
    assert "predictions.run.json' is damaged" in found.err


def test_a_model_without_looks_still_watches_scores_and_light(fitted, data):
    model = library.load(fitted)
    object.__setattr__(model.facts.training, "looks", None)
    (prediction,) = model.predict([str(next((data / "train").rglob("*.png")))], looks=True)
    assert prediction.look.right is None
    assert prediction.look.brightness > 0
    monitor = library.Monitor(model)
    monitor.update(prediction)
    assert monitor.parts == 1
