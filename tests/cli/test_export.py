from __future__ import annotations

import json
import shutil

import pytest


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("to", ["coco", "labelme", "yolo", "fiftyone", "mvtec-ad"])
def test_a_data_set_is_written(blemish, data, to):
    found = blemish("export", data, "--to", to, "-o", "out", "--json")
    assert found.code == 0, found.err
    assert (found.json["path"], found.json["format"]) == ("out", to)
    assert len(found.json["images"]) == 30
    assert "next: blemish check out" in found.err


def test_what_was_written_is_told(blemish, data):
    found = blemish("export", data, "--to", "coco", "-o", "out")
    assert found.out.split() == ["written", "out", "format", "coco", "test", "6", "train", "24"]
    again = blemish("export", data, "--to", "coco", "-o", "out")
    assert again.code == 2
    assert "--force" in again.err
    assert blemish("export", data, "--to", "labelme", "-o", "out", "--force").code == 0


def test_mvtec_ad_is_checked_as_it_was(blemish, data):
    assert blemish("export", data, "--to", "mvtec-ad", "-o", "out", "--link").code == 0
    counts = [blemish("check", path, "--json").json["counts"] for path in (data, "out")]
    assert counts[0] == counts[1]


def test_predictions_are_written_to_be_corrected(blemish, fitted, data, spot):
    words = ("predict", fitted, data / "test", "-o", "judged", "--outlines")
    assert blemish(*words).code == 0
    found = blemish("export", "judged", "--to", "label-studio", "-o", "tasks", "--json")
    assert found.code == 0, found.err
    assert found.json["images"][str(spot)] == "images/spot-000.png"
    tasks = json.loads(open("tasks/tasks.json").read())  # noqa: PTH123, SIM115
    assert sum(bool(task["predictions"][0]["result"]) for task in tasks) >= 3
    assert blemish("export", "judged", "--to", "coco", "-o", "coco").code == 0


def test_predictions_need_outlines_and_a_format_for_them(blemish, fitted, spot):
    assert blemish("predict", fitted, spot, "-o", "judged").code == 0
    found = blemish("export", "judged", "--to", "coco", "-o", "out")
    assert found.code == 2
    assert "--outlines" in found.err
    found = blemish("export", "judged", "--to", "yolo", "-o", "out")
    assert "'--to' must be coco or label-studio for predictions" in found.err


def test_data_needs_a_format_for_it(blemish, data):
    found = blemish("export", data, "--to", "label-studio", "-o", "out")
    assert found.code == 2
    assert "'label-studio' is for predictions" in " ".join(found.err.split())


def test_data_are_chosen_as_for_check(blemish, data):
    shutil.copytree(data / "train" / "good", "mine/gutes")
    shutil.copytree(data / "test" / "spot", "mine/spot")
    shutil.copytree(data / "test" / "spot", "mine/old")
    words = ("export", "mine", "--to", "coco", "-o", "out", "--json")
    assert blemish(*words).code != 0
    choice = ("--good", "gutes", "--ignore", "old", "--test-fraction", "0.5", "--split-seed", "3")
    found = blemish(*words, *choice)
    assert found.code == 0, found.err
    assert len(found.json["images"]) == 27
    assert sum("/train/" in name for name in found.json["images"].values()) == 12


def test_a_type_that_gets_another_name_is_told(blemish, data):
    shutil.copytree(data / "train" / "good", "mine/good")
    shutil.copytree(data / "test" / "spot", "mine/deep:spot")
    found = blemish("export", "mine", "--to", "mvtec-ad", "-o", "out")
    assert found.code == 0
    assert "The type 'deep:spot' is written as 'deep_spot'" in " ".join(found.err.split())
