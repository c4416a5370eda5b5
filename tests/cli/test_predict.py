from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.images.score_map import read_score_map
from blemish.model.model import load
from blemish.predictions.sinks import JPEG_LONG_SIDE_PX, FolderSink
from blemish.progress import LoggedProgress
from blemish.result import Prediction
from cli.broken import enormous, one_pixel, text_named_png, truncated_jpeg


def test_a_line_for_each_image_in_order(blemish, fitted, data):
    found = blemish("predict", fitted, data / "test")
    assert found.code == 0
    paths = sorted(map(str, (data / "test").rglob("*.png")))
    assert [line["path"] for line in found.lines] == paths
    keys = {"path", "score", "p_value", "tail_p_value", "verdict", "regions", "notes", "seconds"}
    assert set(found.lines[0]) == keys
    verdicts = [line["verdict"] for line in found.lines]
    good, defects = verdicts.count("good"), verdicts.count("defect")
    assert f"6 images, {good} good, {defects} defects; " in found.err


def test_images_unlike_all_training_images_are_noted_and_counted(blemish, fitted, good, tmp_path):
    with Image.open(good) as image:
        image.resize((256, 256)).save(tmp_path / "large.png")
        image.point(lambda value: 255 - value).save(tmp_path / "inverted.png")
        image.rotate(180).save(tmp_path / "usual.png")
    inverted, large, usual = (tmp_path / f"{name}.png" for name in ("inverted", "large", "usual"))
    found = blemish("predict", fitted, inverted, large, usual)
    assert [[note["code"] for note in line["notes"]] for line in found.lines] == [
        [], ["size"], []
    ]  # fmt: skip
    assert found.lines[0]["verdict"] == "not inspectable"
    assert "bright" in [reason["code"] for reason in found.lines[0]["reasons"]]
    assert "reasons" not in found.lines[2]
    told = " ".join(found.err.split())
    assert "1 image of 3 is unlike all training images, so its score says little" in told
    assert "1 good, 0 defects, 2 not inspectable" in told
    assert "inverted.png: It is brighter than all good images" in told
    assert "large.png: It is 256 x 256 pixels, the training images are 64 x 64." in told
    assert "unlike" not in blemish("predict", fitted, usual).err


def test_lines_are_what_the_library_says(blemish, fitted, spot):
    (line,) = blemish("predict", fitted, spot).lines
    expected = load(fitted).predict(spot).to_dict()
    assert {**line, "seconds": 0} == {**expected, "seconds": 0}


def test_outlines_are_told_where_they_are_asked_for(blemish, fitted, spot, tmp_path):
    out = tmp_path / "out"
    (line,) = blemish("predict", fitted, spot, "--outlines", "-o", out).lines
    expected = load(fitted).predict(spot, outlines=True).to_dict()
    assert {**line, "seconds": 0} == {**expected, "seconds": 0}
    assert all(region["outline_xy"] for region in line["regions"])
    kept = json.loads((out / "predictions.jsonl").read_text())
    assert kept["regions"] == line["regions"] != []


def test_found_defects_are_exit_code_3_only_when_asked_for(blemish, fitted, good, spot):
    assert blemish("predict", fitted, good, spot).code == 0
    assert blemish("predict", fitted, good, spot, "--fail-on-defect").code == 3
    assert blemish("predict", fitted, good, "--fail-on-defect").code == 0


def test_what_is_not_inspectable_is_exit_code_3_as_well(blemish, fitted, good, tmp_path):
    with Image.open(good) as image:
        image.point(lambda value: value // 3).save(tmp_path / "dark.png")
    found = blemish("predict", fitted, good, tmp_path / "dark.png", "--fail-on-defect")
    assert found.code == 3
    assert [line["verdict"] for line in found.lines] == ["good", "not inspectable"]
    told = " ".join(found.err.split())
    assert "2 images, 1 good, 0 defects, 1 not inspectable" in told
    assert "The first image of each kind that is not inspectable:" in told


@pytest.mark.parametrize("make", [text_named_png, truncated_jpeg, one_pixel, enormous])
def test_an_image_that_cannot_be_read_is_an_error_row_and_the_rest_go_on(
    blemish, fitted, good, spot, tmp_path, make
):
    broken = make(tmp_path / ("x.jpg" if make is truncated_jpeg else "x.png"))
    found = blemish("predict", fitted, good, broken, spot, "--fail-on-defect")
    assert found.code == 1  # not all were judged, which is worse than a defect
    assert set(found.lines[1]) == {"path", "error"}
    assert found.lines[1]["path"] == str(broken)
    assert [line.get("verdict") for line in found.lines] == ["good", None, "defect"]
    assert "1 not judged" in found.err


def test_an_image_that_is_not_there_is_an_error_row(blemish, fitted, tmp_path):
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
    kept = [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()]
    assert [{k: v for k, v in line.items() if k != "file"} for line in kept] == found.lines
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
    ours = {"predictions.jsonl", "predictions.run.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"mine.txt", *ours}


def test_overlays_need_a_folder(blemish, fitted, good):
    found = blemish("predict", fitted, good, "--overlay")
    assert found.code == 2
    assert "-o DIR" in found.err


def test_a_folder_without_images_is_an_error(blemish, fitted, tmp_path):
    found = blemish("predict", fitted, tmp_path)
    assert found.code == 1
    assert "holds no image" in found.err


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


def test_a_path_with_dots_is_drawn_below_the_folder_too(blemish, fitted, data, tmp_path):
    out = tmp_path / "deep" / "out"
    out.parent.mkdir()
    crooked = data / "test" / "good" / ".." / ".." / "test" / "spot"
    found = blemish("predict", fitted, crooked, data / "train" / ".." / "test" / "good", "-o", out,
                    "--overlay")  # fmt: skip
    assert found.code == 0
    assert len(list(out.rglob("*.jpg"))) == 6
    assert len(list(tmp_path.rglob("*.jpg"))) == 6


def test_a_name_that_leads_out_of_the_folder_is_never_written(fitted, good, tmp_path):
    model = load(fitted)
    sink = FolderSink(tmp_path / "out", model, LoggedProgress(), overlays=True)
    sink.add("../x.png", model.predict(good))
    assert sink.failures == 1
    assert not list(tmp_path.rglob("*.jpg"))


def test_a_drawing_that_cannot_be_made_is_noted_and_the_rest_go_on(
    blemish, fitted, good, spot, tmp_path, monkeypatch
):
    images = [shutil.copy(good, tmp_path / "a.png"), shutil.copy(spot, tmp_path / "b.png")]
    add = FolderSink.add

    def add_late(self, *words):
        images[0].unlink(missing_ok=True)
        add(self, *words)

    monkeypatch.setattr(FolderSink, "add", add_late)
    out = tmp_path / "out"
    found = blemish("predict", fitted, *images, "-o", out, "--overlay")
    assert found.code == 1
    assert "note: No drawing or map of a.png: " in found.err
    assert (out / "b.png.jpg").is_file()
    assert len((out / "predictions.jsonl").read_text().splitlines()) == 2


def test_an_image_longer_than_a_jpeg_can_be_is_drawn_smaller(fitted, tmp_path):
    model = load(fitted)
    Image.new("RGB", (66_000, 8), (60, 60, 60)).save(tmp_path / "long.png")
    score_map = np.zeros((8, 66_000), np.float32)
    result = Prediction(1.0, score_map, 0.5, "good", (), 0.0, str(tmp_path / "long.png"))
    sink = FolderSink(tmp_path, model, LoggedProgress(), overlays=True)
    sink.add("long.png", result)
    assert sink.failures == 0
    with Image.open(tmp_path / "long.png.jpg") as drawn:
        assert drawn.width == JPEG_LONG_SIDE_PX


def test_its_own_drawings_are_not_judged(blemish, fitted, data, tmp_path):
    images = shutil.copytree(data / "test", tmp_path / "test")
    words = ["predict", fitted, images, "-o", images / "out", "--overlay", "--force"]
    for _ in range(2):
        assert len(blemish(*words).lines) == 6
    assert blemish(*words[:3], "-o", images, "--force").code == 2


def test_files_that_are_passed_over_are_counted_aloud(blemish, fitted, good, tmp_path):
    shutil.copy(good, tmp_path / "a.png")
    shutil.copy(good, tmp_path / "b.dat")
    found = blemish("predict", fitted, tmp_path)
    assert len(found.lines) == 1
    assert "note: 1 file passed over" in found.err
    assert "b.dat" in found.err
    assert blemish("predict", fitted, tmp_path / "b.dat").code == 0


def test_an_error_is_one_line_of_json(blemish, fitted, tmp_path):
    found = blemish("predict", fitted, tmp_path, "--json")
    assert found.code == 1
    assert "holds no image" in found.lines[0]["error"]


def test_an_image_beyond_the_memory_allowed_is_an_error_row(blemish, fitted, good, tmp_path):
    huge = tmp_path / "huge.png"
    Image.new("L", (20_000, 1000)).save(huge)
    found = blemish("predict", fitted, huge, good, "--memory", "400MB")
    assert found.code == 1
    assert "raise '--memory' to 900.0 MB" in found.lines[0]["error"]
    assert found.lines[1]["verdict"] == "good"
    refused = blemish("predict", fitted, good, "--memory", "1MB")
    assert refused.code == 2
    assert "at least" in refused.err


def test_maps_of_levels_are_read_again_near_their_scores(blemish, fitted, data, tmp_path):
    path = data / "test" / "spot" / "000.png"
    assert blemish("predict", fitted, path, "-o", tmp_path / "o", "--maps-as", "png16").code == 0
    expected = load(fitted).predict(path).score_map
    found = read_score_map(tmp_path / "o" / "000.png.png")
    assert np.abs(found - expected).max() <= np.ptp(expected) / 2**16


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "ray"], "--engine ray needs -o DIR."),
        (["--engine", "ray", "-o", "DIR", "--overlay"], "--engine ray draws no overlays."),
        (["--ray-address", "auto"], "'--ray-address' goes with --engine ray."),
        (["s3://bucket/a.png"], "'s3://bucket/a.png' is in an object store"),
        (["-o", "s3://bucket/out"], "'s3://bucket/out' is in an object store"),
    ],
)
def test_what_only_one_engine_knows_is_refused_by_the_other(blemish, fitted, good, words, said):
    found = blemish("predict", fitted, good, *words)
    assert found.code == 2
    assert said in found.err
