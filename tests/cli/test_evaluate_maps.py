"""`blemish evaluate --maps`: maps of other tools, and our own there and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blemish.model.model import load
from blemish.records.folder import read_records
from blemish.records.record import CalibrationSummary


@pytest.fixture
def maps(tmp_path, data):
    """A map of each test image, as another tool might write it."""
    rng, folder = np.random.default_rng(0), tmp_path / "their maps"
    for source in sorted((data / "test").rglob("*.png")):
        path = folder / source.relative_to(data / "test").with_suffix(".npy")
        path.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(source) as image:
            bright = np.asarray(image.convert("F"))
        np.save(path, bright + rng.standard_normal(bright.shape))
    return folder


@pytest.mark.parametrize("options", [["--maps"], ["--maps-as", "npy"], ["--maps-as", "tiff"]])
@pytest.mark.parametrize("whole", [True, False])
def test_a_models_maps_there_and_back_have_the_figures_of_the_model(
    blemish, fitted, data, tmp_path, options, whole
):
    out = tmp_path / "out"
    images = data if whole else data / "test"
    assert blemish("predict", fitted, images, "-o", out, *options).code == 0
    calibration = load(fitted).calibration
    found = blemish(
        *("evaluate", data, "--maps", out, "--scores", out / "predictions.jsonl"),
        *("--threshold", calibration.image_threshold),
        *("--pixel-threshold", calibration.pixel_threshold, "--json"),
    )
    assert found.code == 0
    own = blemish("evaluate", fitted, data, "--json").json
    assert {**own, "notes": [], "seconds": {}} == {**found.json, "notes": [], "seconds": {}}


def test_figures_are_told_and_what_needs_a_threshold_is_not(blemish, data, maps):
    found = blemish("evaluate", data, "--maps", maps)
    assert found.code == 0
    lines = found.out.splitlines()
    assert lines[1].startswith("AUROC ")
    assert "3 labelled regions" in lines
    assert lines[-1] == "6 images"
    assert "Undefined for images, as there is no threshold" in found.out
    assert "note: The score of an image is the maximum of its map." in found.err


def test_a_record_stands_beside_those_of_models_in_a_report(blemish, fitted, data, maps, tmp_path):
    out = tmp_path / "out"
    assert blemish("evaluate", fitted, data, "-o", out).code == 0
    found = blemish("evaluate", data, "--maps", maps, "-o", out)
    assert found.code == 0
    assert f"next: blemish report {out}" in found.err
    by_name = {record.detector: record for record in read_records(out)}
    assert set(by_name) == {"patchcore", "their maps"}
    theirs, ours = by_name["their maps"], by_name["patchcore"]
    assert set(ours.to_dict()) == set(theirs.to_dict())
    assert theirs.category == ours.category == "tile"
    assert theirs.dataset == ours.dataset
    assert theirs.calibration is None
    assert str(tmp_path) not in json.dumps(theirs.to_dict())
    assert blemish("report", out).code == 0
    report = (out / "report.md").read_text()
    assert "| tile | their maps |" in report
    assert "their maps: maps as written, an image's score maximum of the map, no threshold." in (
        report
    )


def test_name_seed_and_thresholds_of_a_run_are_in_its_record(blemish, data, maps, tmp_path):
    words = ["evaluate", data, "--maps", maps, "-o", tmp_path / "out", "--name", "a tool/1.0"]
    words += ["--threshold", "150", "--pixel-threshold", "120.5"]
    for seed in (3, 4):
        assert blemish(*words, "--seed", seed).code == 0
    first, second = read_records(tmp_path / "out")
    assert (first.detector, first.seed, second.seed) == ("a tool/1.0", 3, 4)
    assert first.calibration == CalibrationSummary(
        method="set by the user", image_threshold=150.0, pixel_threshold=120.5
    )
    (shown,) = first.examples.caught
    assert (tmp_path / "out" / shown.map).is_file()
    assert blemish("report", tmp_path / "out").code == 0
    page = (tmp_path / "out" / "report.md").read_text()
    assert "3, 4. A seed moves the detector" in page
    assert "image threshold 150 and pixel threshold 120.5 set by the user" in page


def test_a_gate_holds_for_maps_too(blemish, data, maps):
    words = ["evaluate", data, "--maps", maps, "--require"]
    assert blemish(*words, "pixel.auroc=0.99").code == 0
    found = blemish(*words, "image.f1=0.5")
    assert found.code == 4
    assert "image.f1 is undefined: there is no threshold" in found.err


def test_resizing_is_asked_for_and_told(blemish, data, maps):
    for path in maps.rglob("*.npy"):
        np.save(path, np.load(path)[::2, ::2])
    refused = blemish("evaluate", data, "--maps", maps)
    assert refused.code == 1
    assert refused.err.count("--resize-maps") == 6
    found = blemish("evaluate", data, "--maps", maps, "--resize-maps")
    assert found.code == 0
    assert "note: 6 of 6 maps were resized to their images" in found.err


def test_an_image_without_a_map_is_an_error_that_says_what_one_is_called(blemish, data, maps):
    (maps / "good" / "001.npy").unlink()
    found = blemish("evaluate", data, "--maps", maps, "--json")
    assert found.code == 1
    assert "1 of 6 test images have no map" in found.json["error"]
    assert "could be tile/test/good/001.tiff, good/001.npy, test/good/001.png.npy" in found.err


def test_model_and_maps_or_neither_are_wrong_usage(blemish, fitted, data, maps):
    both = blemish("evaluate", fitted, data, "--maps", maps)
    neither = blemish("evaluate", data)
    many = blemish("evaluate", fitted, data, data)
    assert (both.code, neither.code, many.code) == (2, 2, 2)
    assert f"in place of a model; leave out '{fitted}', or --maps." in both.err
    assert "name a model and a data set (MODEL DATA), or" in neither.err
    assert "one name too many" in many.err
    assert blemish("evaluate").code == 2


def test_options_of_maps_go_with_maps_and_are_looked_at(blemish, fitted, data, maps):
    words = ["--scores", "x", "--threshold", "1", "--resize-maps", "--name", "x", "--seed", "1"]
    found = blemish("evaluate", fitted, data, *words)
    assert found.code == 2
    for option in ("--scores", "--threshold", "--resize-maps", "--name", "--seed"):
        assert f"'{option}' goes with --maps." in found.err
    found = blemish("evaluate", data, "--maps", maps, "--threshold", "nan", "--name", "",
                    "--provider", "cuda")  # fmt: skip
    assert found.code == 2
    assert found.err.count("error: ") == 3
    assert "'--threshold' must be a finite number; got nan." in found.err


def test_usage_says_that_the_model_may_be_left_out(blemish):
    assert "Usage: blemish evaluate [OPTIONS] [MODEL] DATA\n" in blemish("evaluate", "--help").out


def test_maps_that_would_be_one_file_are_not_written_over_each_other(
    blemish, fitted, good, spot, tmp_path
):
    images = tmp_path / "in"
    images.mkdir()
    shutil.copy(good, images / "a.png")
    with Image.open(spot) as image:
        image.save(images / "a.bmp")
    found = blemish("predict", fitted, images, "-o", tmp_path / "out", "--maps-as", "tiff")
    assert found.code == 1
    assert "'a.tiff' is the map of 'a.bmp'; write maps as npy." in found.err
    again = blemish("predict", fitted, images, "-o", tmp_path / "npy", "--maps")
    assert again.code == 0
    assert {path.name for path in Path(tmp_path / "npy").glob("*.npy")} == {
        "a.png.npy", "a.bmp.npy",
    }  # fmt: skip


def test_maps_need_a_folder_and_a_format_that_is_known(blemish, fitted, good, tmp_path):
    assert "-o DIR" in blemish("predict", fitted, good, "--maps-as", "tiff").err
    assert blemish("predict", fitted, good, "-o", tmp_path, "--maps-as", "gif").code == 2
