from __future__ import annotations

import os
from pathlib import Path

import pytest

from blemish.errors import BlemishError, UsageError
from blemish.files import files_below, refuse_existing, write_whole

needs_posix = pytest.mark.skipif(os.name == "nt", reason="files of POSIX")


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", "old")
    write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_link_stays_one_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


@needs_posix
def test_what_is_no_regular_file_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BlemishError, match="no regular file"):
        write_whole(tmp_path / "pipe", "x")
    for force in (False, True):
        with pytest.raises(UsageError, match="no regular file"):
            refuse_existing(tmp_path / "pipe", force=force)
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_to_nothing_is_something(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(UsageError, match="exists"):
        refuse_existing(tmp_path / "link", force=False)
    refuse_existing(tmp_path / "link", force=True)


def test_a_path_below_a_file_or_out_of_sight_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "file").touch()
    with pytest.raises(BlemishError, match=r"Cannot write .*Not a directory"):
        write_whole(tmp_path / "file" / "a", "x")
    monkeypatch.setattr(Path, "stat", locked)
    with pytest.raises(BlemishError, match=r"Cannot look at .*Permission denied"):
        refuse_existing(tmp_path / "a", force=False)


def test_files_are_found_through_links_each_folder_once_by_its_own_path(tmp_path: Path) -> None:
    (tmp_path / "top" / "z").mkdir(parents=True)
    (tmp_path / "other" / "sub").mkdir(parents=True)
    for name in ("top/z/1", "other/2", "other/sub/3"):
        (tmp_path / name).touch()
    (tmp_path / "top" / "a").symlink_to("z")
    (tmp_path / "top" / "loop").symlink_to("../top")
    (tmp_path / "top" / "z" / "out").symlink_to(tmp_path / "other")
    found = sorted(files_below(tmp_path / "top", enter=lambda path: path.name != "sub"))
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "top/z/1",
        "top/z/out/2",
    ]
