"""What could be read in two ways is asked about: the faults that a stranger found by trying."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from blemish.data.layouts.registry import categories_in
from blemish.data.opening import find_categories, open_dataset
from blemish.errors import DataError, SettingError

Draw = Callable[..., Path]


def refused(path: Path, why: str, **options: object) -> None:
    with pytest.raises((DataError, SettingError), match=why):
        open_dataset(path, **options)  # type: ignore[arg-type]


def several(draw: Draw, folder: str, count: int = 3) -> None:
    for number in range(count):
        draw(f"{folder}/{number}.png")


def test_a_test_folder_alone_is_never_taken_for_the_whole(tmp_path: Path, draw: Draw) -> None:
    several(draw, "train/Teile")
    several(draw, "test/good")
    several(draw, "test/cut")
    refused(tmp_path, "means good images by its name")
    assert categories_in(tmp_path) == {}
    dataset = open_dataset(tmp_path, good=["Teile"])
    assert len(dataset.train) == 3


def test_what_lies_beside_the_only_category_is_not_passed_over(tmp_path: Path, draw: Draw) -> None:
    for folder in ("a/good", "a/bad", "b/Teile"):
        several(draw, folder)
    refused(tmp_path, "holds one data set, 'a', and other folders with images .* 'b'")
    refused(tmp_path, "b is no data set that is known", category="b")
    assert open_dataset(tmp_path, category="a").name == "a"
    assert find_categories(tmp_path) == ["a"]


@pytest.mark.parametrize(
    "name",
    ["OK_2024", "good (1)", "good parts", "Gut_neu", "normal_test", "no_crack", "2024-01-01",
     "cam1",
     "New folder", "train_old", "heatmaps", "false_alarm", "Masken", "keine Fehler"],
)  # fmt: skip
def test_folders_that_are_hardly_a_type_of_defect(tmp_path: Path, draw: Draw, name: str) -> None:
    for folder in ("OK", "scratch", name):
        several(draw, folder)
    refused(tmp_path, "means? good|mean good|tells nothing|hold masks")
    dataset = open_dataset(tmp_path, ignore=[name])
    assert dataset.defect_types == ("scratch",)


def test_bad_images_below_good_ones_and_good_below_bad(tmp_path: Path, draw: Draw) -> None:
    for folder in ("four/train/good", "four/train/good/bad", "five/good", "five/NG/masks"):
        several(draw, folder)
    refused(tmp_path / "four", "lies in a folder of good images and says otherwise")
    refused(tmp_path / "five", "seems to hold masks, and lies in a folder of images")
    for folder in ("seven/train/good", "seven/train/good/review", "eight/OK/raw", "eight/NG"):
        several(draw, folder)
    refused(tmp_path / "seven", "neither that its images are of it nor that they are not")
    assert len(open_dataset(tmp_path / "eight", test_fraction=0).train) == 3
    for name in ("nine/good/0.png", "nine/good/0_overlay.png", "nine/bad/1.png"):
        draw(name)
    refused(tmp_path / "nine", r"'0_overlay.png' \(1 of 2\) says otherwise")
    draw("six/good/000_NG.png")
    draw("six/bad/0.png")
    refused(tmp_path / "six", r"'000_NG.png' \(1 of 1\) says otherwise")
    assert open_dataset(tmp_path / "six", good=["good"]).train
    for folder in ("one/OK", "one/OK/NG", "two/OK", "two/NG/good", "three/OK/train", "three/NG"):
        several(draw, folder)
    refused(tmp_path / "one", "lies in a folder of good images and says otherwise")
    refused(tmp_path / "two", "lies in a folder of defective images and says otherwise")
    refused(tmp_path / "three", "is a split inside of a class")


def test_names_of_images_in_no_folder_of_a_class(tmp_path: Path, draw: Draw) -> None:
    for name in ("flat/OK_0.png", "flat/OK_1.png", "flat/NG_0.png", "NG/0.png", "fine/a.png"):
        draw(name)
    refused(tmp_path / "flat", r"'NG_0.png' \(1 of 3\) says otherwise")
    refused(tmp_path / "NG", "its name says otherwise")
    assert len(open_dataset(tmp_path / "fine").train) == 1
    assert len(open_dataset(tmp_path / "flat", good=["flat"]).train) == 3


@pytest.mark.parametrize("name", ["nix", "", "train/OK", "*OK*"])
@pytest.mark.parametrize("parameter", ["good", "ignore"])
def test_names_of_no_folder(tmp_path: Path, draw: Draw, name: str, parameter: str) -> None:
    several(draw, "train/OK")
    refused(tmp_path, f"'{parameter}' (names 'nix|names '.OK|must be names)", **{parameter: [name]})


def test_a_name_is_either_good_or_ignored(tmp_path: Path, draw: Draw) -> None:
    for folder in ("OK", "NG", "alt"):
        several(draw, folder)
    refused(tmp_path, "both name 'ok'", good=["OK"], ignore=["ok"])
    assert open_dataset(tmp_path, ignore=["alt/"]).defect_types == ("NG",)


def test_masks_of_good_test_images_are_not_those_of_training(
    tmp_path: Path, draw: Draw, mask: Draw
) -> None:
    for folder in ("train/good", "test/good", "test/cut", "validation/good"):
        several(draw, folder)
    for kind in ("good", "cut"):
        mask(f"ground_truth/{kind}/0_mask.png", value=0 if kind == "good" else 255)
    masked = {s.id for s in open_dataset(tmp_path).samples if s.masks}
    assert masked == {"test/good/0.png", "test/cut/0.png"}


def test_splits_and_classes_inside_of_images(tmp_path: Path, draw: Draw, mask: Draw) -> None:
    for split in ("train", "val", "test"):
        for number in range(2):
            draw(f"one/images/{split}/{number}.png")
            mask(f"one/masks/{split}/{number}.png", value=255 * (number == 1 and split != "val"))
    found = {s.id: (s.split, s.defect_type) for s in open_dataset(tmp_path / "one").samples}
    assert found == {
        "images/train/0.png": ("train", "good"),
        "images/val/0.png": ("validation", "good"),
        "images/val/1.png": ("validation", "good"),
        "images/test/0.png": ("test", "good"),
        "images/test/1.png": ("test", "defect"),
    }
    draw("two/images/OK/a.png")
    draw("two/images/NG/b.png")
    mask("two/masks/b.png")
    found = {s.id: (s.defect_type, len(s.masks)) for s in open_dataset(tmp_path / "two").samples}
    assert found == {"images/OK/a.png": ("good", 0), "images/NG/b.png": ("NG", 1)}


def test_copies_in_kolektor_sdd2_as_downloaded(tmp_path: Path, draw: Draw, mask: Draw) -> None:
    for split in ("train", "test"):
        for name, ending in (("1", ""), ("2", ""), ("2", " (copy)")):
            draw(f"{split}/{name}{ending}.png")
            mask(f"{split}/{name}_GT{ending}.png", value=0)
    dataset = open_dataset(tmp_path)
    assert dataset.layout == "kolektor-sdd2"
    assert len(dataset.train) == len(dataset.test) == 3


@pytest.mark.parametrize("name", ["not_good", "No Good", "not-okay", "NOK", "scratch head"])
def test_folders_that_are_a_type_of_defect(tmp_path: Path, draw: Draw, name: str) -> None:
    for folder in ("good", name):
        several(draw, folder)
    assert open_dataset(tmp_path).defect_types == (name,)
