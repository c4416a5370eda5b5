"""What could be read in two ways is asked about: the faults that a stranger found by trying."""

from __future__ import annotations

import json
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
    ["Gut_neu", "normal_test", "no_crack", "2024-01-01", "cam1", "front", "Montag", "pass_2",
     "New folder", "train_old", "heatmaps", "false_alarm", "keine Fehler", "overkill", "FP",
     "false_positive", "repaired", "rework", "reworked", "borderline", "master", "unklar", "limit",
     "grenzfall", "none", "NormalMask", "solder_mask", "scratch_overkill"],
)  # fmt: skip
def test_folders_that_are_hardly_a_type_of_defect(tmp_path: Path, draw: Draw, name: str) -> None:
    for folder in ("OK", "scratch", name):
        several(draw, folder)
    refused(tmp_path, "means? good|mean good|tells nothing|hold masks|leaves open")
    dataset = open_dataset(tmp_path, ignore=[name])
    assert dataset.defect_types == ("scratch",)
    assert set(open_dataset(tmp_path, defect=[name]).defect_types) == {name, "scratch"}


@pytest.mark.parametrize(
    "name",
    ["OK_2024", "good (1)", "good parts", "golden_sample", "ok_front", "OK-cam2", "Good_left",
     "gut_oben", "OK view 3", "OK_A"],
)  # fmt: skip
def test_folders_that_are_good_of_one_place_or_time(tmp_path: Path, draw: Draw, name: str) -> None:
    for folder in ("OK", "scratch", name):
        several(draw, folder)
    dataset = open_dataset(tmp_path)
    assert dataset.defect_types == ("scratch",)
    assert sum(s.label == "good" for s in dataset.samples) == 6


def test_folders_that_pair_off(tmp_path: Path, draw: Draw) -> None:
    for folder in ("one/ok_lens", "one/def_lens", "one/OK frame", "one/NG frame"):
        several(draw, folder)
    dataset = open_dataset(tmp_path / "one")
    assert dataset.defect_types == ("NG frame", "def_lens")
    for folder in ("three/Good Images", "three/Bad Images"):
        several(draw, folder)
    assert open_dataset(tmp_path / "three").defect_types == ("Bad Images",)
    for folder in ("two/ok_lens", "two/def_lens", "two/ok_frame"):
        several(draw, folder)
    refused(tmp_path / "two", "means good images by its name")


@pytest.mark.parametrize(
    "name",
    [
        "scratch",
        "dent",
        "overkill",
        "hole (2)",
        "Deckel",
        "typeA",
        "KR_001",
        "dent0001",
        "monday/spot",
    ],
)
@pytest.mark.parametrize("place", ["good", "train/good"])
def test_a_folder_below_a_good_one_that_may_be_a_kind_of_defect(
    tmp_path: Path, draw: Draw, place: str, name: str
) -> None:
    several(draw, place)
    several(draw, f"{place}/{name}")
    refused(tmp_path, "nothing tells whether|neither that its images are of it")
    said = name.rpartition("/")[2]
    assert len(open_dataset(tmp_path, good=[said]).train) == 6
    assert len(open_dataset(tmp_path, ignore=[said]).train) == 3
    dataset = open_dataset(tmp_path, defect=[said], test_fraction=0)
    assert len(dataset.train) == 3
    left_out = place != "good"  # a defect of the training part
    assert dataset.defect_types == (() if left_out else (said,))
    assert len(dataset.leftovers.training_defects) == 3 * left_out


@pytest.mark.parametrize(
    "name",
    ["cam1", "2024-01-01", "shift2", "Montag", "march", "A17", "lot_0042", "S0001", "images", "rgb",
     "OK", "good_front", "front", "line 3/tray_B", "20240101_1200", "0042", "frühschicht", "相机1",
     "ABX20394", "3fa85f64-5717-4562-b3fc-2c963f66afa6", "exp_100us", "brightfield", "10x"],
)  # fmt: skip
def test_a_folder_below_a_good_one_that_can_be_no_kind(
    tmp_path: Path, draw: Draw, name: str
) -> None:
    several(draw, "good")
    several(draw, f"good/{name}")
    several(draw, "NG")
    dataset = open_dataset(tmp_path, test_fraction=0)
    assert len(dataset.train) == 6
    assert dataset.defect_types == ("NG",)


def test_folders_below_good_ones_of_public_sets(tmp_path: Path, draw: Draw) -> None:
    for place in ("visa/Data/Images/Normal", "aitex/NODefect_images", "iad/OK"):
        several(draw, f"{place}/S0001")
        several(draw, f"{place}/scratch")
    several(draw, "aitex/Defect_images")
    for name in ("visa", "aitex", "iad"):
        refused(tmp_path / name, "nothing tells whether .* 'scratch' of it")
        dataset = open_dataset(tmp_path / name, ignore=["scratch"], test_fraction=0)
        assert len(dataset.train) == 3


def test_images_that_are_named_after_defects(tmp_path: Path, draw: Draw) -> None:
    for name in ("flat/scratch_0.png", "flat/dent_3.png", "flat/a.png", "scratch/0.png"):
        draw(name)
    for name in ("chips/chip_1.png", "chips/chip_2.png", "plates/scratchless_1.png"):
        draw(name)
    refused(tmp_path / "flat", r"'dent_3.png' \(2 of 3\) says otherwise")
    refused(tmp_path / "scratch", "the folder.s own name, .*, says otherwise")
    assert len(open_dataset(tmp_path / "flat", good=["flat"]).train) == 3
    assert len(open_dataset(tmp_path / "chips").train) == 2
    assert len(open_dataset(tmp_path / "plates").train) == 1
    draw("chips/hole_1.png")
    refused(tmp_path / "chips", r"\(3 of 3\) says otherwise")


@pytest.mark.parametrize("name", ["solder_mask", "normal_wear", "pass_through_hole", "other"])
def test_a_kind_of_defect_is_said_by_its_name(tmp_path: Path, draw: Draw, name: str) -> None:
    for folder in ("OK", name, f"NG/{name}", "NG"):
        several(draw, folder)
    refused(tmp_path, "defect=NAME")
    found = {s.id: s.defect_type for s in open_dataset(tmp_path, defect=[name]).samples}
    assert found[f"{name}/0.png"] == found[f"NG/{name}/0.png"] == name
    assert found["NG/0.png"] == "NG"
    refused(tmp_path, "both name", good=[name], defect=[name.upper()])


@pytest.mark.parametrize(
    "name",
    ["Labels_png", "defect_maps", "SegmentationClassPNG", "gt_masks", "mask_png", "masksPNG",
     "annotations_png", "defectmaps", "GroundTruth", "Masken", "groundtruthmasks", "label_images"],
)  # fmt: skip
def test_folders_of_masks_by_any_name(tmp_path: Path, draw: Draw, mask: Draw, name: str) -> None:
    for folder in ("one/good", "two/good"):
        several(draw, folder)
    for number in range(2):
        draw(f"one/NG/n{number}.png")
        mask(f"one/{name}/n{number}.png")
        draw(f"two/NG/n{number}.png")
        mask(f"two/{name}/elsewhere{number}.png")
        draw(f"three/images/{number}.png")
        mask(f"three/{name}/{number}.png", value=255 * number)
    dataset = open_dataset(tmp_path / "one")
    assert dataset.defect_types == ("NG",)
    assert all(len(s.masks) == (s.label == "defect") for s in dataset.samples)
    assert open_dataset(tmp_path / "three").layout == "images-and-masks"
    if name != "GroundTruth":  # a usual name: masks of nothing are told of
        refused(tmp_path / "two", "hold masks|tells nothing")


@pytest.mark.parametrize("name", ["maps", "missing_label", "label_torn", "wrong color map"])
def test_folders_that_are_not_of_masks(tmp_path: Path, draw: Draw, name: str) -> None:
    for folder in ("good", name):
        several(draw, folder)
    assert open_dataset(tmp_path).defect_types == (name,)


def test_a_folder_beside_splits_that_may_hold_masks(tmp_path: Path, draw: Draw, mask: Draw) -> None:
    for folder in ("train/good", "test/good", "test/cut"):
        several(draw, folder)
    mask("own_masks/cut/0.png")
    refused(tmp_path, "holds 'own_masks', which may be masks")
    assert open_dataset(tmp_path, ignore=["own_masks"]).defect_types == ("cut",)


def test_images_and_masks_of_a_class_side_by_side(tmp_path: Path, draw: Draw, mask: Draw) -> None:
    several(draw, "good/images")
    several(draw, "NG/images", 2)
    for number in range(2):
        mask(f"NG/masks/{number}.png")
        mask(f"good/masks/{number}.png", value=0)
    dataset = open_dataset(tmp_path)
    assert {s.id.rpartition("/")[0] for s in dataset.samples} == {"good/images", "NG/images"}
    assert sum(bool(s.masks) for s in dataset.samples) == 4


def test_days_with_classes_are_one_set_and_cameras_are_categories(
    tmp_path: Path, draw: Draw, mask: Draw
) -> None:
    for folder in ("2024-01-01/OK", "2024-01-01/NG", "2024-01-02/OK", "2024-01-03/NG"):
        several(draw, f"days/{folder}")
    mask("days/masks/2024-01-01/NG/0.png")
    dataset = open_dataset(tmp_path / "days", test_fraction=0)
    assert (dataset.layout, len(dataset.train), len(dataset.test)) == ("folders", 6, 6)
    assert [s.id for s in dataset.samples if s.masks] == ["2024-01-01/NG/0.png"]
    assert "are read together" in dataset.notes[0]
    assert len(open_dataset(tmp_path / "days", ignore=["2024-01-01"]).samples) == 6
    several(draw, "days/2024-01-04/Teile")
    refused(tmp_path / "days", "nothing tells what '2024-01-04/Teile' are: .*good=NAME")
    assert open_dataset(tmp_path / "days", defect=["Teile"]).defect_types == ("NG", "Teile")
    draw("days/2024-01-02/loose.png")
    refused(tmp_path / "days", "in no folder of a class, 'loose.png' is the first")
    for folder in ("2024-01-01/early/OK", "2024-01-01/late/NG", "2024-01-02/early/OK"):
        several(draw, f"shifts/{folder}")
    assert len(open_dataset(tmp_path / "shifts", test_fraction=0).train) == 6
    for folder in ("cam1/OK", "cam1/NG", "cam2/OK"):
        several(draw, f"cameras/{folder}")
    refused(tmp_path / "cameras", "several categories; name one with category=NAME: cam1, cam2")


def test_a_folder_of_annotations_is_no_empty_class(tmp_path: Path, draw: Draw) -> None:
    for folder in ("good", "NG"):
        several(draw, folder, 4)
    draw("NG/n0.png")
    shapes = [{"label": "x", "shape_type": "polygon", "points": [[2, 2], [9, 2], [9, 9]]}]
    content = {"version": "5", "shapes": shapes, "imagePath": "n0.png", "imageData": None}
    path = tmp_path / "json" / "n0.json"
    path.parent.mkdir()
    path.write_text(json.dumps(content | {"imageHeight": 24, "imageWidth": 20}))
    (tmp_path / "dent").mkdir()
    dataset = open_dataset(tmp_path)
    assert dataset.leftovers.empty_folders == ("dent",)
    assert [s.id for s in dataset.samples if s.masks] == ["NG/n0.png"]


def test_splits_of_a_data_yaml_hold_in_folders_of_classes(tmp_path: Path, draw: Draw) -> None:
    several(draw, "good", 6)
    several(draw, "NG", 2)
    for number in range(2):
        label = tmp_path / f"NG/{number}.txt"
        label.write_text("0 0.5 0.5 0.2 0.2\n")
    lists = {"train": ["good/0", "good/1", "NG/0"], "val": ["good/2"], "test": ["good/3", "NG/1"]}
    for split, names in lists.items():
        (tmp_path / f"{split}.txt").write_text("".join(f"./{name}.png\n" for name in names))
    text = "names: [x]\n" + "".join(f"{split}: {split}.txt\n" for split in lists)
    (tmp_path / "data.yaml").write_text(text)
    dataset = open_dataset(tmp_path)
    assert [s.id for s in dataset.train] == ["good/0.png", "good/1.png"]
    assert [s.id for s in dataset.validation] == ["good/2.png"]
    assert [s.id for s in dataset.test] == ["NG/0.png", "NG/1.png", "good/3.png"]
    told = " ".join(dataset.notes)
    assert "2 images in no folder or list that data.yaml names" in told
    assert "1 defect of the training split is tested on" in told


def test_a_name_that_no_folder_bears_is_answered_with_those_there(
    tmp_path: Path, draw: Draw
) -> None:
    for folder in ("Gutteile", "good", "NG"):
        several(draw, folder)
    refused(tmp_path, r"'good' names 'Gud/'.* There are 'Gutteile/', 'NG/', 'good/'", good=["Gud"])
    refused(tmp_path, r"Did you mean 'Gutteile/'", good=["Gutteil"])


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
    refused(tmp_path / "NG", "the folder.s own name, .*, says otherwise")
    assert len(open_dataset(tmp_path / "fine").train) == 1
    assert len(open_dataset(tmp_path / "flat", good=["flat"]).train) == 3


@pytest.mark.parametrize("name", ["nix", "", "train/OK", "*OK*"])
@pytest.mark.parametrize("parameter", ["good", "ignore", "defect"])
def test_names_of_no_folder(tmp_path: Path, draw: Draw, name: str, parameter: str) -> None:
    several(draw, "train/OK")
    refused(tmp_path, f"'{parameter}' (names 'nix|names '.OK|must be names)", **{parameter: [name]})


def test_a_name_is_either_good_or_ignored(tmp_path: Path, draw: Draw) -> None:
    for folder in ("OK", "NG", "alt"):
        several(draw, folder)
    refused(tmp_path, "both name 'ok/'", good=["OK"], ignore=["ok"])
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


@pytest.mark.parametrize("name", ["\u041e\u041a", "gooood", "\uff2f\uff2b", "n\u03bfrmal"])
def test_what_looks_like_a_word_for_good_is_asked_about(
    tmp_path: Path, draw: Draw, name: str
) -> None:
    several(draw, "good")
    several(draw, name)
    refused(tmp_path, f"'{name}' seems to mean good parts: .* good=NAME")
    assert len(open_dataset(tmp_path, good=[name, "good"]).samples) == 6
