from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from blemish.data.mask_names import MaskNames, is_mask_folder, masks_among, named_like_masks

MASKS = Path("/set/masks")


def names(*files: str) -> MaskNames:
    return MaskNames([MASKS / file for file in files], MASKS)


def of(found: MaskNames, image: str, folder: str = "scratch", **options: bool) -> list[str]:
    masks = found.of(PurePosixPath(image), folder, **options)
    return [mask.relative_to(MASKS).as_posix() for mask in masks]


@pytest.mark.parametrize(
    "file",
    [
        "000.png", "000.tif", "000.npy", "000.PNG", "000_mask.png", "000_Mask.PNG", "000-mask.png",
        "000_gt.png", "000_GT.bmp", "000_label.png", "000_labels.png", "000_seg.png",
        "000_ground_truth.png", "000_groundtruth.png", "000-ground-truth.png", "000_annotation.png",
        "mask_000.png", "gt_000.png", "label_000.png", "MASK-000.png", "000.png.png",
        "000.png_mask.png", "mask_000.png.png", "000_mask_0.png", "000_mask1.png", "000/000.png",
        "000/anything.npy",
    ],
)  # fmt: skip
@pytest.mark.parametrize("folder", ["scratch/", "Scratch/", ""])
def test_a_mask_is_found_by_the_name_of_its_image(folder: str, file: str) -> None:
    found = names(folder + file, folder + "001_mask.png", "notes.txt")
    assert of(found, "000.png") == [folder + file]
    assert of(found, "00.png") == of(found, "0.png") == of(found, "2.png") == []
    assert found.problems() == ()
    assert found.unused() == (MASKS / (folder + "001_mask.png"),)


@pytest.mark.parametrize(
    "files",
    [
        ("000_mask_0.png", "000_mask_1.png", "000_mask_10.png"),
        ("000_mask.png", "000_mask_1.png"),
        ("000_gt1.png", "000_gt2.tif"),
        ("000/0.png", "000/1.png", "000/1.npy"),
    ],
)
def test_masks_that_belong_together_are_joined(files: tuple[str, ...]) -> None:
    files = tuple(f"scratch/{file}" for file in files)
    found = names(*files)
    assert of(found, "000.jpg") == sorted(files)
    assert found.unused() == found.problems() == ()


@pytest.mark.parametrize("marked", ["000_mask.png", "mask_000.png", "000.png_gt.png"])
@pytest.mark.parametrize("other", ["000.png", "000/0.png", "000.png.png"])
def test_a_word_makes_certain_which_file_is_the_mask(marked: str, other: str) -> None:
    found = names(marked, other)
    assert of(found, "000.png") == [marked]
    assert found.problems() == ()
    assert found.unused() == (MASKS / other,)


@pytest.mark.parametrize(
    "files",
    [
        ("000_mask.png", "000_gt.png"),
        ("000_mask.png", "mask_000.png"),
        ("000_mask.png", "000_mask.npy"),
        ("000_mask.png", "000-mask.png"),
        ("000_mask_1.png", "000_mask_1.bmp"),
        ("000.png", "000.bmp"),
        ("000.png", "000.png.png"),
        ("000.png", "000/0.png"),
    ],
)
def test_what_leaves_a_choice_is_told_and_not_guessed(files: tuple[str, str]) -> None:
    found = names(*files)
    assert of(found, "000.png") == []
    (told,) = found.problems()
    assert "scratch/000.png may have its mask in" in told
    assert all(f"masks/{file}" in told for file in files)
    assert found.unused() == ()


def test_the_folder_of_its_type_goes_before_the_others() -> None:
    found = names("scratch/000.png", "dent/000.png", "000.png")
    assert of(found, "000.jpg") == ["scratch/000.png"]
    assert of(found, "000.jpg", "dent") == ["dent/000.png"]
    assert found.unused() == (MASKS / "000.png",)
    assert found.problems() == ()


def test_folders_of_days_are_kept() -> None:
    found = names("scratch/mon/000_mask.png", "tue/000.png", "scratch/000.png")
    assert of(found, "mon/000.jpg") == ["scratch/mon/000_mask.png"]
    assert of(found, "tue/000.jpg") == ["tue/000.png"]
    assert of(found, "wed/000.jpg") == []


def test_a_mask_that_fits_two_images_is_told() -> None:
    found = names("000.png", "001.png")
    for image, folder in (("000.jpg", "scratch"), ("000.jpg", "dent"), ("001.jpg", "dent")):
        of(found, image, folder)
        of(found, image, folder)  # asked for again, it is the same image
    (told,) = found.problems()
    assert "masks/000.png could be the mask of 2 images (dent/000.jpg, scratch/000.jpg)" in told


def test_a_photograph_saved_twice_has_no_mask_of_its_own() -> None:
    found = names("scratch/000.png")
    of(found, "000.png")
    of(found, "000.bmp")
    assert "no two images differ in their suffix alone" in found.problems()[0]


def test_good_images_have_masks_in_their_own_folder_alone() -> None:
    found = names("good/000.png", "001.png")
    assert of(found, "000.png", "good", good=True) == ["good/000.png"]
    assert of(found, "001.png", "good", good=True) == []
    assert of(found, "001.png", "scratch") == ["001.png"]
    assert found.problems() == ()


def test_accents_and_case_do_not_matter_where_that_is_clear() -> None:
    composed, apart = (unicodedata.normalize(form, "scratch/Tür 1") for form in ("NFC", "NFD"))
    assert composed != apart
    assert of(names(apart + ".png"), "TÜR 1.PNG") == [apart + ".png"]
    assert of(names(composed + "_gt.png"), apart.split("/")[1] + ".png") == [composed + "_gt.png"]
    both = names("a.png", "A.png")
    assert of(both, "a.jpg") == ["a.png"]
    assert of(both, "A.jpg") == ["A.png"]
    assert both.problems() == ()
    unclear = names("aB.png", "Ab.png")
    assert of(unclear, "ab.jpg") == []
    assert "may have its mask in masks/Ab.png or masks/aB.png" in unclear.problems()[0]
    folders = names("Ab/0.png", "aB/0.png")
    assert of(folders, "ab.jpg") == []
    assert len(folders.problems()) == 1


def test_odd_names_are_compared_as_they_are() -> None:
    for name in (
        "with space",
        "dot.in.name",
        "[br]*ck?t",
        "new\nline",
        "零件",
        "-dash",
        "a_mask_b",
    ):
        found = names(f"scratch/{name}_mask.png")
        assert of(found, f"{name}.png") == [f"scratch/{name}_mask.png"]


def test_many_masks_are_looked_up_one_by_one() -> None:
    """Each name is read once: no list is gone through for an image."""
    count = 20_000
    found = names(*(f"scratch/{number:06}_mask.png" for number in range(count)))
    assert sum(bool(of(found, f"{number:06}.jpg")) for number in range(count)) == count
    assert found.unused() == found.problems() == ()


def test_folders_of_masks_go_by_many_names() -> None:
    for name in ("masks", "Mask", "gt", "GT", "labels", "ground_truth", "Ground Truth",
                 "groundtruth", "annotations", "SegmentationClass", "segmentation"):  # fmt: skip
        assert is_mask_folder(name)
    for name in ("good", "scratch", "mask_of_zorro", "images", "label error"):
        assert not is_mask_folder(name)


def among(*files: str, masks: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """What lies beside what; asks only of files that share their name with another."""
    asked = []

    def holds_a_mask(path: Path) -> bool:
        asked.append(path.as_posix())
        return path.as_posix() in masks

    found = masks_among([Path(file) for file in files], holds_a_mask=holds_a_mask)
    stems = [Path(file).stem.casefold() for file in files]
    assert all(stems.count(Path(n).stem.casefold()) > 1 or ".jpg." in n for n in asked)
    return {image.as_posix(): [m.as_posix() for m in masks] for image, masks in found.items()}


@pytest.mark.parametrize(
    "name", ["x_mask.png", "x_GT.png", "x-label.bmp", "mask_x.png", "x.jpg_mask.png", "X_Mask.PNG"]
)
def test_a_mask_beside_its_image_is_known_by_a_word(name: str) -> None:
    assert among("a/x.jpg", f"a/{name}", "a/y.jpg") == {"a/x.jpg": [f"a/{name}"]}
    assert among("a/x.jpg", f"b/{name}") == {}
    assert among(f"a/{name}") == {}


def test_several_masks_beside_an_image_are_joined() -> None:
    files = ("x.png", "x_mask_0.png", "x_mask_1.png", "x_mask_1_mask.png")
    assert among(*files) == {"x.png": list(files[1:])}


def test_of_one_name_the_masks_are_told_by_what_they_hold() -> None:
    files = ("x.jpg", "x.png")
    assert among(*files, masks=("x.png",)) == {"x.jpg": ["x.png"]}
    assert among(*files, masks=("x.jpg",)) == {"x.png": ["x.jpg"]}
    assert among(*files) == {}
    assert among("x.png", "x.bmp", masks=("x.png", "x.bmp")) == {}
    assert among("x.jpg", "x.jpg.png", masks=("x.jpg.png",)) == {"x.jpg": ["x.jpg.png"]}
    assert among("X.JPG", "x.png", "y.png", masks=("x.png",)) == {"X.JPG": ["x.png"]}
    both = among("x.jpg", "x.png", "x_mask.png", masks=("x.png",))
    assert both == {"x.jpg": ["x.png", "x_mask.png"]}


def test_a_mask_beside_two_copies_is_of_both() -> None:
    found = among("x.jpg", "x.bmp", "x.png", masks=("x.png",))
    assert found == {"x.jpg": ["x.png"], "x.bmp": ["x.png"]}
    assert among("a.jpg", "A.jpg", "a.png", masks=("a.png",)) == {"a.jpg": ["a.png"]}


def test_files_themselves_tell_which_is_the_mask(
    tmp_path: Path, draw: Callable, mask: Callable
) -> None:
    mask("x.png", value=1)
    Image.open(draw("noise.png")).save(tmp_path / "x.jpg", quality=90)
    for name in ("twice.png", "twice.jpg"):
        Image.fromarray(np.asarray(Image.open(tmp_path / "noise.png"))).save(tmp_path / name)
    found = masks_among(sorted(tmp_path.iterdir()))
    assert found == {tmp_path / "x.jpg": (tmp_path / "x.png",)}


def test_images_named_like_masks_are_found_in_any_folder() -> None:
    paths = [PurePosixPath(p) for p in ("a/x.png", "b/X_gt.png", "b/y_gt.png", "a/label_x.png",
                                        "a/x.png_mask.png", "a/xmask.png")]  # fmt: skip
    assert [path.as_posix() for path in named_like_masks(paths)] == [
        "b/X_gt.png", "a/label_x.png", "a/x.png_mask.png", "a/xmask.png"]  # fmt: skip
