"""Which map belongs to which image, by every way of naming them; and what is wrong otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from blemish.data.sample import Sample
from blemish.errors import DataError
from blemish.evaluation.matching import match_maps, names_of

SAMPLES = [
    Sample(f"test/{kind}/{name}", Path(name), "test", "good" if kind == "good" else "defect", kind)
    for kind, name in [("good", "000.png"), ("crack", "000.png"), ("crack", "a.b.png")]
]
IDS = [sample.id for sample in SAMPLES]


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def matched(folder: Path, samples=SAMPLES):
    return match_maps(folder, samples, "tile")


@pytest.mark.parametrize("top", ["", "tile/"])
@pytest.mark.parametrize("middle", ["test/", ""])
@pytest.mark.parametrize("ending", [".tiff", ".tif", ".npy", ".png", ".png.npy", ".png.TIFF"])
def test_a_map_goes_by_path_by_category_and_by_type(tmp_path, top, middle, ending):
    names = [f"{top}{middle}{sample.defect_type}/{Path(sample.id).stem}{ending}"
             for sample in SAMPLES]  # fmt: skip
    matches = matched(touch(tmp_path, *names, "tile.log", ".hidden/good/000.npy", "._000.npy"))
    assert matches.found == dict(zip(IDS, names, strict=True))
    assert (matches.problems, matches.spare) == ((), ())


def test_a_map_goes_by_its_stem_where_no_other_image_has_it(tmp_path):
    samples = [SAMPLES[1], SAMPLES[2]]
    matches = matched(touch(tmp_path, "000.npy", "a.b.npy", "other.npy"), samples)
    assert matches.found == {IDS[1]: "000.npy", IDS[2]: "a.b.npy"}
    assert matches.spare == ("other.npy",)


def test_a_stem_that_two_images_have_is_told(tmp_path):
    matches = matched(touch(tmp_path, "000.npy", "a.b.npy"))
    (problem,) = matches.problems
    assert problem.startswith("000.npy: could be the map of 2 images, test/good/000.png, ")
    assert "folder of its defect type" in problem


def test_images_that_differ_in_their_suffix_alone_have_maps_that_keep_it(tmp_path):
    samples = [Sample(f"defect/a.{end}", Path("a"), "test", "defect", "defect")
               for end in ("png", "jpg")]  # fmt: skip
    kept = matched(touch(tmp_path / "kept", "a.png.npy", "a.jpg.npy"), samples)
    assert kept.found == {"defect/a.png": "a.png.npy", "defect/a.jpg": "a.jpg.npy"}
    assert not kept.problems
    lost = matched(touch(tmp_path / "lost", "a.npy"), samples)
    assert "could be the map of 2 images" in lost.problems[0]


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    matches = matched(touch(tmp_path, "crack/000.npy", "crack/000.tiff", "good/0.npy"))
    missing, doubled, hint = matches.problems
    assert missing.startswith("2 of 3 test images have no map in")
    assert "test/good/000.png, test/crack/a.b.png" in missing
    assert doubled == "test/crack/000.png: has 2 maps, crack/000.npy, crack/000.tiff; leave one."
    assert "'test/good/000.png' could be tile/test/good/000.tiff, good/000.npy, " in hint
    assert "the folder holds crack/000.npy, crack/000.tiff, good/0.npy." in hint
    assert matches.spare == ("good/0.npy",)


def test_a_folder_without_maps_and_none_at_all_are_told(tmp_path):
    matches = matched(touch(tmp_path, "good/000.jpg"))
    assert "no file that ends in .npy, .png, .tif, .tiff" in matches.problems[-1]
    with pytest.raises(DataError, match="is no folder; maps are read from a folder"):
        matched(tmp_path / "good" / "000.jpg")


def test_an_image_deep_in_folders_has_all_ends_of_its_path_as_names():
    names = names_of(Sample("a/b/c.png", Path("c"), "test", "defect", "dent"), "tile")
    assert names >= {"a/b/c", "b/c", "c", "dent/c", "test/dent/c", "tile/test/dent/c", "tile/b/c"}
    assert {f"{name}.png" for name in names if not name.endswith(".png")} <= names
