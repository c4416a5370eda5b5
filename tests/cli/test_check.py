from __future__ import annotations

import shutil

import pytest

from cli.broken import text_named_png


def test_a_clean_data_set_is_exit_code_0_and_says_what_comes_next(blemish, data):
    found = blemish("check", data)
    assert found.code == 0
    assert "tile (mvtec-ad)" in found.out
    assert "no errors" in found.out
    assert f"next: blemish plan {data}" in found.err


def test_errors_come_first_and_are_exit_code_1(blemish, data, tmp_path):
    copy = shutil.copytree(data, tmp_path / "tile")
    text_named_png(copy / "train" / "good" / "notes.png")
    found = blemish("check", copy)
    assert found.code == 1
    severities = [line.split(":")[0] for line in found.out.splitlines() if ": " in line]
    assert severities[0] == "error"
    assert "notes.png" in found.out


def test_what_is_left_over_is_told_once(blemish, data, tmp_path):
    copy = shutil.copytree(data, tmp_path / "tile")
    (copy / "train" / "odd").mkdir()
    shutil.copy(next((copy / "train" / "good").iterdir()), copy / "train" / "odd")
    found = blemish("check", copy)
    told = " ".join((found.out + found.err).split())
    assert told.count("this layout expects none") == 1


def test_examples_are_a_handful_and_the_rest_is_counted(blemish, data, tmp_path):
    copy = shutil.copytree(data, tmp_path / "tile")
    for number in range(9):
        text_named_png(copy / "train" / "good" / f"broken_{number}.png")
    found = blemish("check", copy)
    assert "broken_3.png and 5 more" in found.out
    assert "broken_4.png" not in found.out


def test_json_is_the_whole_audit(blemish, data):
    found = blemish("check", data, "--json")
    assert found.json["counts"]["train"] == {"good": 24}
    assert isinstance(found.json["findings"], list)


@pytest.mark.parametrize("command", ["check", "plan"])
def test_an_empty_folder_is_an_error(blemish, tmp_path, fit_options, command):
    options = fit_options if command == "plan" else []
    found = blemish(command, tmp_path, *options)
    assert found.code == 1
    assert "is no data set: it holds no images" in found.err


def test_several_categories_ask_for_one(blemish, data, tmp_path):
    for name in ("tile", "wood"):
        shutil.copytree(data, tmp_path / name)
    found = blemish("check", tmp_path)
    assert found.code == 1
    assert "--category" in found.err
    again = blemish("check", tmp_path, "--category", "wood")
    assert f"blemish plan {tmp_path} --category wood" in again.err


def test_the_next_step_names_the_same_limit_of_pixels(blemish, data):
    found = blemish("check", data, "--max-pixels", "5000")
    assert f"blemish plan {data} --max-pixels 5000\n" in found.err
