from __future__ import annotations

import pytest

from blemish.cli.pictures import find_pictures
from blemish.errors import DataError


@pytest.fixture
def tree(tmp_path):
    for name in ("a/2.png", "a/1.PNG", "a/deep/3.jpg", "a/.hidden.png", "a/x.txt", "b/1.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_a_folder_gives_its_pictures_to_its_depth_in_order(tree):
    assert [p.name for p in find_pictures([tree / "a"])] == ["1.PNG", "2.png", "deep/3.jpg"]


def test_names_start_where_all_paths_part(tree):
    names = [p.name for p in find_pictures([tree / "b", tree / "a" / "deep"])]
    assert names == ["b/1.png", "a/deep/3.jpg"]


def test_files_are_taken_as_they_are_each_once(tree):
    files = [tree / "a" / "x.txt", tree / "gone.png", tree / "a" / "x.txt"]
    assert [p.path for p in find_pictures(files)] == files[:2]


def test_a_folder_without_pictures_is_an_error(tree):
    with pytest.raises(DataError, match="empty"):
        find_pictures([tree / "a", tree / "empty"])
