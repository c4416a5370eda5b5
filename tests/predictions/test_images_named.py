from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from blemish.errors import DataError, UsageError
from blemish.images.suffixes import raw_counting
from blemish.predictions.images_named import find_images, spell_passed_over


@pytest.fixture
def tree(tmp_path):
    for name in ("a/2.png", "a/1.PNG", "a/deep/3.jpg", "a/.hidden.png", "a/x.txt", "b/1.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def names(*paths, **options):
    return [image.name for image in find_images(paths, **options).found]


def test_a_folder_gives_its_images_to_its_depth_in_order(tree):
    assert names(tree / "a") == ["1.PNG", "2.png", "deep/3.jpg"]


def test_names_start_where_all_paths_part(tree):
    assert names(tree / "b", tree / "a" / "deep") == ["b/1.png", "a/deep/3.jpg"]


def test_names_never_lead_out_of_a_folder(tree):
    found = names(tree / "a" / ".." / "b" / "1.png", tree / "a" / "deep" / "..")
    assert found == ["b/1.png", "a/1.PNG", "a/2.png", "a/deep/3.jpg"]


def test_files_are_taken_as_they_are_each_once(tree):
    files = [tree / "a" / "x.txt", tree / "gone.png", tree / "a" / "x.txt"]
    assert [image.path for image in find_images(files).found] == files[:2]


def test_a_folder_without_images_is_an_error(tree):
    with pytest.raises(DataError, match="empty"):
        find_images([tree / "a", tree / "empty"])


def test_files_that_are_passed_over_are_told(tree):
    for name in ("y.gif", "z.pdf", "plain", "Thumbs.db"):
        (tree / "a" / name).touch()
    passed_over = find_images([tree / "a"]).passed_over
    assert [path.name for path in passed_over] == ["plain", "x.txt", "y.gif", "z.pdf"]
    said = spell_passed_over(passed_over)
    assert said.startswith("4 files passed over")
    assert f"{tree / 'a' / 'y.gif'}, ... " in said
    with pytest.raises(DataError, match=r"holds no image, only y\.gif"):
        (tree / "empty" / "y.gif").touch()
        find_images([tree / "empty"])


def test_links_to_folders_are_followed_and_loops_come_to_an_end(tree):
    (tree / "a" / "link").symlink_to(tree / "b")
    (tree / "a" / "deep" / "up").symlink_to(tree / "a")
    assert names(tree / "a") == ["1.PNG", "2.png", "deep/3.jpg", "link/1.png"]


def test_a_folder_that_cannot_be_listed_is_an_error(tree, monkeypatch):
    scandir = os.scandir

    def locked(path):
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", locked)
    with pytest.raises(DataError, match="deep' cannot be listed: Permission denied"):
        find_images([tree / "a"])


def test_a_path_that_one_may_not_look_at_is_left_to_the_model(tree, monkeypatch):
    def locked(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.stat", locked)
    assert names(tree / "a" / "1.PNG") == ["1.PNG"]


def test_what_lies_below_the_output_is_not_judged(tree):
    assert names(tree, output=tree / "a") == ["b/1.png"]
    with pytest.raises(UsageError, match="another folder for -o"):
        find_images([tree / "a"], output=tree / "b" / ".." / "a")


def test_what_an_earlier_run_wrote_is_passed_over_and_told(tree):
    (tree / "a" / "predictions.jsonl").touch()
    found = find_images([tree])
    assert [image.name for image in found.found] == ["b/1.png"]
    assert found.passed_over == (tree / "a",)


@pytest.fixture
def stack(tmp_path):
    pages = [Image.new("L", (20, 24), shade) for shade in (50, 100, 150)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "b.tif")
    return tmp_path / "a.tif"


def test_a_tiff_of_several_images_gives_each(stack):
    found = find_images([stack.parent]).found
    assert [image.name for image in found] == ["a.tif#1", "a.tif#2", "a.tif#3", "b.tif"]
    assert [image.page for image in found] == [0, 1, 2, None]
    assert [str(image.source) for image in found[:1]] == [f"{stack}#1"]


def test_one_image_of_a_tiff_can_be_named(stack):
    second = Path(f"{stack}#2")
    assert [(image.path, image.page) for image in find_images([second]).found] == [(stack, 1)]
    assert names(second, stack.parent) == ["a.tif#2", "a.tif#1", "a.tif#3", "b.tif"]


def test_a_file_that_has_the_name_of_such_an_image_is_itself_and_never_both(stack):
    own = Path(f"{stack}#2")
    own.touch()
    assert [(image.path, image.page) for image in find_images([own]).found] == [(own, None)]
    with pytest.raises(UsageError, match=r"'a\.tif#2' is a file, and an image of 'a\.tif', too"):
        find_images([own, stack])


def test_raw_files_count_where_somebody_says_what_they_are(tree):
    for name in ("y.raw", "z.BIN"):
        (tree / "b" / name).touch()
    assert names(tree / "b") == ["1.png"]
    with raw_counting(True):
        assert names(tree / "b") == ["1.png", "y.raw", "z.BIN"]
    with raw_counting(False):
        assert names(tree / "b") == ["1.png"]
