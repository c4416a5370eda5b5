"""Where the files are, and what images are called."""

from __future__ import annotations

import os
from pathlib import Path
from unicodedata import normalize

import pytest

from blemish.data.manifest.places import (
    Base,
    find_base,
    is_file,
    local_path,
    name_images,
    trouble_of,
)
from blemish.data.manifest.told import Told


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_paths_are_found_however_they_are_written(tmp_path):
    touch(tmp_path / "a" / "b.png")
    base = Base(tmp_path)
    texts = ("a/b.png", "./a/b.png", "a\\b.png", "c/../a/b.png", str(tmp_path / "a" / "b.png"))
    assert {base.at(text) for text in texts} == {tmp_path / "a" / "b.png"}


@pytest.mark.skipif(os.name == "nt", reason="there they are paths")
@pytest.mark.parametrize("text", ["D:\\data\\1.png", "d:/data/1.png", "\\\\server\\data\\1.png"])
def test_absolute_paths_of_windows_are_refused_elsewhere(text):
    assert "absolute path of Windows" in trouble_of(text)


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_with_accents_is_found_as_the_disk_spells_it(tmp_path, forms):
    written, there = (normalize(form, "Prüfling/é 1.png") for form in forms)
    touch(tmp_path / there)
    (tmp_path / "Prüfling.txt").touch()
    path = Base(tmp_path).at(written)
    assert is_file(path)
    assert Base(tmp_path).at(normalize(forms[0], "Prüfling/ö.png")).name == normalize(
        forms[0], "ö.png"
    )


def test_a_name_of_two_files_is_neither(tmp_path):
    two = ("e\u0301\u1e69.png", "\u00e9s\u0323\u0307.png")  # each composed in part
    touch(*(tmp_path / name for name in two))
    if len(list(tmp_path.iterdir())) < len(two):
        pytest.skip("this disk takes them for one")
    assert not is_file(Base(tmp_path).at("\u00e9\u1e69.png"))
    assert all(Base(tmp_path).at(name) == tmp_path / name for name in two)


def test_addresses_of_local_files_are_paths():
    assert local_path("file:///data/a%20b.png") == "/data/a b.png"
    assert local_path("FILE://localhost/data/a.png") == "/data/a.png"
    assert local_path("file:///D:/a.png") == "D:/a.png"
    assert local_path("a%20b.png") == "a%20b.png"
    assert "address" in trouble_of(local_path("file://server/a.png"))


def test_what_names_no_file_of_a_disk_is_refused():
    assert "address" in trouble_of("s3://bucket/a.png")
    assert "one line" in trouble_of("a\nb.png")
    assert "one line" in trouble_of("a\0b.png")
    assert trouble_of("a b.png") == trouble_of("/a:b.png") == ""
    assert not is_file(Path("a" * 5000 + ".png"))


def test_paths_may_begin_at_the_folder_around_if_all_do(tmp_path):
    touch(tmp_path / "img" / "1.png", tmp_path / "img" / "2.png", tmp_path / "lists" / "x.csv")
    told = Told()
    base = find_base(tmp_path / "lists", ["img/1.png", "img/2.png", "/else/3.png"], told)
    assert base == Base(tmp_path)
    assert told.problems == []
    assert f"begin at '{tmp_path.name}', the folder around" in told.notes[0]
    assert str(tmp_path) not in told.notes[0]


def test_paths_of_which_some_begin_at_the_folder_around_are_asked_about(tmp_path):
    touch(tmp_path / "img" / "1.png", tmp_path / "lists" / "img" / "2.png")
    told = Told()
    assert find_base(tmp_path / "lists", ["img/1.png", "img/2.png"], told).folder.name == "lists"
    (problem,) = told.problems
    assert "1 of 2 relative paths" in problem
    assert "img/1.png" in problem


def test_the_folder_around_the_present_one_is_found(tmp_path, monkeypatch):
    touch(tmp_path / "1.png", tmp_path / "lists" / "x.csv")
    monkeypatch.chdir(tmp_path / "lists")
    base = find_base(Path(), ["1.png"], Told())
    assert is_file(base.at("1.png"))
    assert name_images((Path(), base.folder), [base.at("1.png")])[1] == ["1.png"]


def test_images_are_called_by_their_paths_below_the_manifests_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = [Path("a/1.png"), tmp_path / "b" / "2.png"]
    assert name_images([Path()], images) == (Path(), ["a/1.png", "b/2.png"])


def test_or_else_below_the_deepest_folder_that_holds_all(tmp_path):
    images = [tmp_path / "img" / "ok" / "1.png", tmp_path / "img" / "ng" / "1.png"]
    root, names = name_images([tmp_path / "lists"], images)
    assert (root, names) == (tmp_path / "img", ["ok/1.png", "ng/1.png"])
    assert name_images([tmp_path / "lists"], images[:1])[1] == ["1.png"]


def test_a_folder_that_goes_by_two_names_is_one(tmp_path):
    touch(tmp_path / "disk" / "a" / "1.png")
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    image = tmp_path / "disk" / "a" / "1.png"
    assert name_images([tmp_path / "link"], [image]) == (tmp_path / "link", ["a/1.png"])
