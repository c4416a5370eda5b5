"""A TIFF of several images is as many images to every command."""

from __future__ import annotations

import json
import shutil

import pytest
from PIL import Image


def stacked(folder, size):
    """So many images of a folder in each file."""
    paths = sorted(folder.glob("*.png"))
    for start in range(0, len(paths), size):
        first, *rest = (Image.open(path) for path in paths[start : start + size])
        first.save(folder / f"{start:03}.tif", save_all=True, append_images=rest)
    for path in paths:
        path.unlink()


@pytest.fixture(scope="module")
def pages(data, tmp_path_factory):
    """The same images, three in a file, and so their masks."""
    folder = shutil.copytree(data, tmp_path_factory.mktemp("pages") / "tile")
    for name in ("train/good", "test/good", "test/spot", "ground_truth/spot"):
        stacked(folder / name, 3)
    (folder / "ground_truth/spot/000.tif").rename(folder / "ground_truth/spot/000_mask.tif")
    return folder


def test_a_prediction_for_each_is_that_of_the_image_in_a_file_of_its_own(
    blemish, fitted, data, pages, tmp_path
):
    whole = blemish("predict", fitted, data / "test").lines
    words = ["predict", fitted, pages / "test", "-o", tmp_path / "p", "--overlay", "--maps"]
    found = blemish(*words)
    assert found.code == 0, found.err
    assert [line["score"] for line in found.lines] == [line["score"] for line in whole]
    paths = [f"{pages}/test/{kind}/000.tif#{n}" for kind in ("good", "spot") for n in (1, 2, 3)]
    assert [line["path"] for line in found.lines] == paths
    for name in ("good/000.tif#2.jpg", "spot/000.tif#3.npy"):
        assert (tmp_path / "p" / name).is_file()
    kept = (tmp_path / "p" / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["path"] for line in kept] == paths


def test_those_that_were_judged_before_are_not_judged_again(blemish, fitted, pages, tmp_path):
    first = blemish("predict", fitted, f"{pages}/test/spot/000.tif#2", "-o", tmp_path / "p")
    assert [line["path"][-2:] for line in first.lines] == ["#2"]
    words = ["predict", fitted, pages / "test" / "spot", "-o", tmp_path / "p", "--resume"]
    found = blemish(*words)
    assert found.code == 0, found.err
    assert "1 of 3 images were judged before" in " ".join(found.err.split())
    assert [line["path"][-2:] for line in found.lines] == ["#1", "#3"]


@pytest.mark.parametrize("maps_as", ["npy", "tiff", "png16"])
def test_maps_of_pages_are_measured(blemish, fitted, pages, tmp_path, maps_as):
    words = ["predict", fitted, pages / "test", "-o", tmp_path / "p", "--maps-as", maps_as]
    assert blemish(*words).code == 0
    found = blemish("evaluate", pages, "--maps", tmp_path / "p", "--resize-maps")
    assert found.code == 0, found.err
    own = blemish("evaluate", fitted, pages, "-o", tmp_path / "e")
    assert own.code == 0, own.err
    assert blemish("report", tmp_path / "e").code == 0


def test_pages_are_fitted_on(blemish, pages, fit_options, tmp_path):
    found = blemish("fit", pages, "-o", tmp_path / "m.onnx", *fit_options, "--json")
    assert found.code == 0, found.err
    assert found.json["images"] == 24
    assert blemish("check", pages).code == 0
    again = blemish("calibrate", tmp_path / "m.onnx", pages)
    assert again.code == 0, again.err
