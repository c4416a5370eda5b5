from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from blemish.data.layouts.found import Names
from blemish.data.layouts.registry import categories_in, find_layout, not_categories_in
from blemish.errors import DataError

Draw = Callable[..., Path]


def types_of(path: Path) -> dict[str, str]:
    return {entry.id: entry.defect_type for entry in find_layout(path).entries}


def masks_of(path: Path) -> dict[str, str | None]:
    return {
        entry.id: next((m.path.relative_to(path).as_posix() for m in entry.masks), None)
        for entry in find_layout(path).entries
    }


def test_mvtec_ad_has_splits_types_and_masks(tmp_path: Path, draw: Draw, mask: Draw) -> None:
    for name in ("train/good/000.png", "test/good/000.png", "test/crack/000.png"):
        draw(name)
    mask("ground_truth/crack/000_mask.png")
    found = find_layout(tmp_path)
    assert found.layout == "mvtec-ad"
    assert {e.id: (e.defect_type, e.split) for e in found.entries} == {
        "train/good/000.png": ("good", "train"),
        "test/good/000.png": ("good", "test"),
        "test/crack/000.png": ("crack", "test"),
    }
    assert masks_of(tmp_path)["test/crack/000.png"] == "ground_truth/crack/000_mask.png"
    assert masks_of(tmp_path)["test/good/000.png"] is None
    assert found.leftovers.orphan_masks == ()


@pytest.mark.parametrize(
    "mask_name",
    [
        "masks/a.png",
        "masks/a_mask.bmp",
        "masks/crack/a.png",
        "masks/crack/a_mask.png",
        "Masks/a.png",
        "ground_truth/crack/a.png",
        "crack/a_mask.png",
    ],
)
def test_plain_folders_find_masks(tmp_path: Path, draw: Draw, mask: Draw, mask_name: str) -> None:
    draw("good/a.png")
    draw("crack/a.jpg")
    mask(mask_name)
    assert find_layout(tmp_path).layout == "folders"
    assert types_of(tmp_path) == {"good/a.png": "good", "crack/a.jpg": "crack"}
    assert masks_of(tmp_path)["crack/a.jpg"] == mask_name


def test_folders_of_a_class_are_looked_into(tmp_path: Path, draw: Draw, mask: Draw) -> None:
    draw("Good/monday/1.5.png")
    draw("dent/tuesday/1.5.PNG")
    mask("masks/dent/tuesday/1.5_mask.png")
    assert types_of(tmp_path) == {"Good/monday/1.5.png": "good", "dent/tuesday/1.5.PNG": "dent"}
    assert masks_of(tmp_path)["dent/tuesday/1.5.PNG"] == "masks/dent/tuesday/1.5_mask.png"


def test_a_mask_that_fits_two_images_is_an_error(tmp_path: Path, draw: Draw, mask: Draw) -> None:
    for name in ("good/a.png", "crack/a.png", "dent/a.png"):
        draw(name)
    mask("masks/a.png")
    with pytest.raises(DataError, match=r"masks/a\.png could be the mask of 2 images"):
        find_layout(tmp_path)


def test_only_good_images_are_found_directly_or_in_good(tmp_path: Path, draw: Draw) -> None:
    draw("plant/good/a.png")
    assert find_layout(tmp_path / "plant").layout == "good-only"
    found = find_layout(tmp_path / "plant" / "good")
    assert (found.layout, [entry.id for entry in found.entries]) == ("good-only", ["a.png"])


def test_images_below_a_folder_of_good_images_are_told_and_not_used(
    tmp_path: Path, draw: Draw
) -> None:
    draw("a.png")
    draw("broken/b.png")
    found = find_layout(tmp_path)
    assert [entry.id for entry in found.entries] == ["a.png"]
    assert found.leftovers.unused_images == ("broken/b.png",)
    assert "broken" in found.notes[0]


def test_what_is_no_image_becomes_neither_sample_nor_class(tmp_path: Path, draw: Draw) -> None:
    draw("good/a.png")
    draw("crack/b.png")
    for name in (
        "good/Thumbs.db",
        "good/._a.png",
        "good/.DS_Store",
        "desktop.ini",
        "license.txt",
        ".cache/c.png",
        "__MACOSX/good/a.png",
        "good/@eaDir/a.png",
        "notes/readme.md",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("no image")
    (tmp_path / "scratch").mkdir()
    found = find_layout(tmp_path)
    assert types_of(tmp_path) == {"good/a.png": "good", "crack/b.png": "crack"}
    assert found.leftovers.not_images == ("license.txt", "notes/readme.md")
    assert found.leftovers.empty_folders == ("notes", "scratch")


def test_masks_of_nothing_are_leftovers(tmp_path: Path, draw: Draw, mask: Draw) -> None:
    draw("good/a.png")
    draw("crack/b.png")
    mask("masks/b.png")
    mask("masks/c.png")
    assert find_layout(tmp_path).leftovers.orphan_masks == ("masks/c.png",)


def test_images_of_unknown_places_in_mvtec_ad_are_told(tmp_path: Path, draw: Draw) -> None:
    draw("train/good/a.png")
    draw("train/odd/b.png")
    found = find_layout(tmp_path)
    assert [entry.id for entry in found.entries] == ["train/good/a.png"]
    assert "train/odd" in found.notes[0]


def test_what_is_no_data_set_says_what_is_there_and_what_is_wanted(
    tmp_path: Path, draw: Draw
) -> None:
    with pytest.raises(DataError, match=r"holds no images\. Give a folder"):
        find_layout(tmp_path)
    (tmp_path / "file.txt").touch()
    with pytest.raises(DataError, match="no manifest"):
        find_layout(tmp_path / "file.txt")
    draw("teile/a.png")
    draw("riss/a.png")
    with pytest.raises(DataError, match="none of its folders, 'riss', 'teile', means good images"):
        find_layout(tmp_path)
    found = find_layout(tmp_path, Names(good=("Teile",)))
    assert {entry.id: entry.defect_type for entry in found.entries} == {
        "teile/a.png": "good",
        "riss/a.png": "riss",
    }
    draw("alt/a.png")
    draw("backup/a.png")
    with pytest.raises(DataError, match="'backup' tells nothing of what its images are"):
        find_layout(tmp_path, Names(good=("teile",)))
    found = find_layout(tmp_path, Names(good=("teile",), ignored=("backup", "alt")))
    assert {entry.defect_type for entry in found.entries} == {"good", "riss"}
    assert found.leftovers.unused_images == ()


@pytest.mark.parametrize(("good", "bad"), [("OK", "NG"), ("0", "1"), ("Normal", "anomaly")])
def test_the_usual_words_for_good_are_known(
    tmp_path: Path, draw: Draw, good: str, bad: str
) -> None:
    draw(f"{good}/a.png")
    draw(f"{bad}/b.png")
    assert types_of(tmp_path) == {f"{good}/a.png": "good", f"{bad}/b.png": bad}


def test_numbers_that_may_mean_anything_are_asked_about(tmp_path: Path, draw: Draw) -> None:
    for name in ("0/a.png", "1/b.png", "2/c.png"):
        draw(name)
    with pytest.raises(DataError, match="what the numbers stand for cannot be told"):
        find_layout(tmp_path)
    assert find_layout(tmp_path, Names(good=("0",), ignored=("1", "2"))).layout == "good-only"


def test_categories_are_folders_that_are_data_sets(tmp_path: Path, draw: Draw) -> None:
    draw("tile/train/good/a.png")
    draw("wood/good/a.png")
    draw("other/a.png")
    assert sorted(categories_in(tmp_path)) == ["tile", "wood"]
    assert categories_in(tmp_path / "tile") == {}


@pytest.mark.parametrize("mark", ["predictions.jsonl", "records/tile-0.json"])
def test_folders_that_blemish_wrote_become_no_class(tmp_path: Path, draw: Draw, mark: str) -> None:
    for name in ("good/1.png", "good/out/1.png", "crack/1.png", "out/spot/1.png.jpg"):
        draw(name)
    for folder in ("good/out", "out"):
        path = tmp_path / folder / mark
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert types_of(tmp_path) == {"good/1.png": "good", "crack/1.png": "crack"}
    assert find_layout(tmp_path).leftovers.unused_images == ()


def test_links_to_folders_are_followed_and_loops_come_to_an_end(tmp_path: Path, draw: Draw) -> None:
    for name in ("set/good/1.png", "set/crack/1.png", "pool/2.png"):
        draw(name)
    (tmp_path / "set" / "good" / "more").symlink_to(tmp_path / "pool")
    (tmp_path / "set" / "good" / "loop").symlink_to(tmp_path / "set" / "good")
    assert types_of(tmp_path / "set") == {
        "good/1.png": "good",
        "good/more/2.png": "good",
        "crack/1.png": "crack",
    }


def test_beside_categories_the_folders_that_are_none_are_known(tmp_path: Path, draw: Draw) -> None:
    draw("all/tile/good/1.png")
    draw("all/notes/1.png")
    assert not_categories_in(tmp_path / "all") == [tmp_path / "all" / "notes"]
    assert not_categories_in(tmp_path / "all" / "tile") == []
