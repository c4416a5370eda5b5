from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.model import load
from cli.broken import enormous, one_pixel, text_named_png, truncated_jpeg


def test_a_line_for_each_picture_in_order(blemish, fitted, data):
    found = blemish("predict", fitted, data / "test")
    assert found.code == 0
    paths = sorted(map(str, (data / "test").rglob("*.png")))
    assert [line["path"] for line in found.lines] == paths
    assert set(found.lines[0]) == {"path", "score", "p_value", "verdict", "regions", "seconds"}
    verdicts = [line["verdict"] for line in found.lines]
    good, defects = verdicts.count("good"), verdicts.count("defect")
    assert f"6 pictures, {good} good, {defects} defects; " in found.err


def test_lines_are_what_the_library_says(blemish, fitted, spot):
    (line,) = blemish("predict", fitted, spot).lines
    expected = load(fitted).predict(spot).to_dict()
    assert {**line, "seconds": 0} == {**expected, "seconds": 0}


def test_found_defects_are_exit_code_3_only_when_asked_for(blemish, fitted, good, spot):
    assert blemish("predict", fitted, good, spot).code == 0
    assert blemish("predict", fitted, good, spot, "--fail-on-defect").code == 3
    assert blemish("predict", fitted, good, "--fail-on-defect").code == 0


@pytest.mark.parametrize("make", [text_named_png, truncated_jpeg, one_pixel, enormous])
def test_a_picture_that_cannot_be_read_is_an_error_row_and_the_rest_go_on(
    blemish, fitted, good, spot, tmp_path, make
):
    broken = make(tmp_path / ("x.jpg" if make is truncated_jpeg else "x.png"))
    found = blemish("predict", fitted, good, broken, spot, "--fail-on-defect")
    assert found.code == 1  # not all were judged, which is worse than a defect
    assert set(found.lines[1]) == {"path", "error"}
    assert found.lines[1]["path"] == str(broken)
    assert [line.get("verdict") for line in found.lines] == ["good", None, "defect"]
    assert "1 not judged" in found.err


def test_a_picture_that_is_not_there_is_an_error_row(blemish, fitted, tmp_path):
    found = blemish("predict", fitted, tmp_path / "gone.png")
    assert found.code == 1
    assert "no such file" in found.lines[0]["error"]


def test_a_larger_limit_of_pixels_can_be_set_and_a_smaller(blemish, fitted, good):
    found = blemish("predict", fitted, good, "--max-pixels", "100")
    assert found.code == 1
    assert "error" in found.lines[0]


def test_a_folder_gets_the_lines_overlays_and_maps(blemish, fitted, data, tmp_path):
    out = tmp_path / "out"
    found = blemish("predict", fitted, data / "test", "-o", out, "--overlay", "--maps")
    assert found.code == 0
    assert (out / "predictions.jsonl").read_text() == found.out
    with Image.open(out / "spot" / "000.png.jpg") as drawn:
        assert drawn.size == (64, 64)
    expected = load(fitted).predict(data / "test" / "spot" / "000.png").score_map
    np.testing.assert_array_equal(np.load(out / "spot" / "000.png.npy"), expected)
    assert len(list(out.rglob("*.jpg"))) == len(list(out.rglob("*.npy"))) == 6


def test_a_folder_that_holds_something_is_refused_without_force(blemish, fitted, good, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    found = blemish("predict", fitted, good, "-o", tmp_path)
    assert found.code == 2
    assert "--force" in found.err
    assert not found.out
    assert blemish("predict", fitted, good, "-o", tmp_path, "--force").code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"mine.txt", "predictions.jsonl"}


def test_overlays_need_a_folder(blemish, fitted, good):
    found = blemish("predict", fitted, good, "--overlay")
    assert found.code == 2
    assert "-o DIR" in found.err


def test_a_folder_without_pictures_is_an_error(blemish, fitted, tmp_path):
    found = blemish("predict", fitted, tmp_path)
    assert found.code == 1
    assert "holds no picture" in found.err


def test_an_unknown_provider_is_wrong_usage(blemish, fitted, good):
    found = blemish("predict", fitted, good, "--provider", "cpuu")
    assert found.code == 2
    assert "Did you mean 'cpu'?" in found.err


def test_standard_output_of_a_process_is_data_alone(start, fitted, good, spot):
    process = start("predict", fitted, good, spot)
    out, _ = process.communicate()
    assert process.returncode == 0
    assert [json.loads(line)["verdict"] for line in out.splitlines()] == ["good", "defect"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_an_error(start, fitted, good):
    with Path("/dev/full").open("w") as full:
        process = start("predict", fitted, good, stdout=full)
        _, err = process.communicate()
    assert process.returncode == 1
    assert "error: Cannot write to standard output: No space left on device." in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_reader_that_stops_early_is_no_error_of_ours(start, fitted, good, tmp_path):
    for number in range(40):
        shutil.copy(good, tmp_path / f"{number:02}.png")
    process = start("predict", fitted, tmp_path, "--batch", "1")
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.wait()
    assert "Traceback" not in err
