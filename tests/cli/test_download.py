from __future__ import annotations

import hashlib
import tarfile

import pytest

from tiny import tiny_dataset


@pytest.fixture
def place(tmp_path):
    """An archive on the disk, by its address."""
    folder = tiny_dataset(tmp_path / "from" / "tile", good=2)
    path = tmp_path / "tile.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        archive.add(folder, "tile")
    return path


def words(place, out, *more):
    url = f"file://{place.parent}/{{category}}.tar.xz"
    return "download", "mvtec-ad", "--categories", "tile", "--url", url, "-o", out, *more


def test_the_licence_is_told_and_has_to_be_accepted(blemish, place, tmp_path):
    found = blemish(*words(place, tmp_path / "data"))
    assert found.code == 2
    assert "CC BY-NC-SA 4.0" in found.err
    assert "--accept-licence" in found.err
    assert not (tmp_path / "data").exists()


def test_a_hash_that_was_given_is_checked(blemish, place, tmp_path):
    sha256 = hashlib.sha256(place.read_bytes()).hexdigest()
    given = ("--accept-licence", "--sha256", f"tile={sha256}")
    found = blemish(*words(place, tmp_path / "data", *given, "--json"))
    assert found.code == 0
    assert found.json["tile"] == {
        "path": str(tmp_path / "data" / "tile"), "sha256": sha256, "checked": True
    }  # fmt: skip
    assert "next: blemish check" in found.err
    assert blemish("check", tmp_path / "data" / "tile").code in (0, 1)


def test_another_hash_than_the_known_one_is_an_error(blemish, place, tmp_path):
    found = blemish(*words(place, tmp_path / "data", "--accept-licence"))
    assert found.code == 1
    assert "MB, file://" in found.err  # told before anything is fetched
    assert "not the one that is known" in found.err


def test_wrong_words_are_told(blemish, tmp_path):
    assert "mvtec-ad" in blemish("download", "mvtec", "--accept-licence").err
    assert "tile=HASH" in blemish("download", "mvtec-ad", "--sha256", "abc").err
