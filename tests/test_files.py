from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from blemish.errors import BlemishError, UsageError
from blemish.files import (
    files_below,
    held,
    refuse_existing,
    take_away_temporaries,
    temporary_beside,
    write_new,
    write_whole,
)

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


WRITER = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from blemish.files import write_whole
os.getpid = lambda: 1  # as in a container
def write(letter):
    for _ in range(40):
        write_whole(Path(sys.argv[1]), letter * 200_000)
with ThreadPoolExecutor(4) as pool:
    list(pool.map(write, sys.argv[2]))
"""


def test_writers_in_threads_and_processes_of_one_number_leave_one_content_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a"
    write_whole(path, "x" * 200_000)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), letters])
        for letters in ("abcd", "efgh")
    ]
    reads = 0
    while any(writer.poll() is None for writer in writers) or not reads:
        content = path.read_bytes()
        assert len(content) == 200_000
        assert len(set(content)) == 1
        reads += 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert [found.name for found in tmp_path.iterdir()] == ["a"]


def test_threads_of_one_process_never_share_a_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []
    replace = Path.replace
    monkeypatch.setattr(
        Path, "replace", lambda path, target: (used.append(path.name), replace(path, target))[1]
    )
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: write_whole(tmp_path / "a", "x"), range(64)))
    assert len(set(used)) == 64


@needs_posix
def test_the_folder_is_synced_after_the_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, bool]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        is_folder = os.fstat(descriptor).st_ino == tmp_path.stat().st_ino
        synced.append((is_folder, (tmp_path / "a").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    write_whole(tmp_path / "a", "x")
    assert synced == [(False, False), (True, True)]


@needs_posix
def test_permissions_are_those_of_the_file_that_was_there_or_what_open_gives(
    tmp_path: Path,
) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "new", "x")
        (tmp_path / "opened").write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "opened").stat().st_mode
    (tmp_path / "new").chmod(0o604)
    write_whole(tmp_path / "new", "y")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o604


def test_a_name_as_long_as_can_be_is_written(tmp_path: Path) -> None:
    name = "é" * 127  # 254 bytes
    write_whole(tmp_path / name, "x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_killed_writers_left_is_taken_away_and_nothing_else(tmp_path: Path) -> None:
    kept = {".a.tmp", ".a.0123.tmp", "a", ".b.0123456789abcdef.tmp"}
    left = temporary_beside(tmp_path / "a")
    for name in (*kept, left.name):
        (tmp_path / name).touch()
    take_away_temporaries(tmp_path, of="a", seconds=60)
    assert left.exists()
    take_away_temporaries(tmp_path, of="a")
    assert {path.name for path in tmp_path.iterdir()} == kept
    take_away_temporaries(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept - {".b.0123456789abcdef.tmp"}
    take_away_temporaries(tmp_path / "gone")


@needs_posix
def test_a_folder_is_held_by_one_until_it_is_let_go(tmp_path: Path) -> None:
    with (
        held(tmp_path, busy="held"),
        pytest.raises(BlemishError, match="held"),
        held(tmp_path, busy="held"),
    ):
        pytest.fail("held twice")
    with held(tmp_path, busy="held"):
        pass


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


def test_of_several_that_write_a_new_file_one_does(tmp_path):
    path = tmp_path / "new"
    with ThreadPoolExecutor(4) as pool:
        wrote = list(pool.map(lambda text: write_new(path, text * 1000), "abcd"))
    assert sum(wrote) == 1
    assert path.read_text() == "abcd"[wrote.index(True)] * 1000
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")
def test_a_file_that_is_held_may_be_replaced_by_who_holds_it(tmp_path):
    path = tmp_path / "state"
    path.write_text("old")
    with held(path, busy="busy"):
        with pytest.raises(BlemishError, match="busy"), held(path, busy="busy"):
            pass
        write_whole(path, "new")
        with held(path, busy="busy"):
            assert path.read_text() == "new"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")
def test_what_was_replaced_before_it_was_held_is_held_by_nobody(tmp_path, monkeypatch):
    path = tmp_path / "state"
    path.write_text("old")
    opened = os.open

    def late(*given):
        descriptor = opened(*given)
        monkeypatch.setattr(os, "open", opened)
        write_whole(path, "new")
        return descriptor

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(BlemishError, match="busy"), held(path, busy="busy"):
        pass
