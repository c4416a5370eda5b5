"""Records as files: written whole, replaced by job, and named where they cannot be used."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from blemish.errors import BlemishError, DataError
from blemish.records.folder import id_of, read_records, record_path, write_record
from made_records import made_failed_record, made_record


def test_records_are_sorted_by_job_and_replaced_by_job(tmp_path: Path) -> None:
    for job, error in (("b", "first"), ("a", "first"), ("b", "second")):
        path = write_record(tmp_path, made_failed_record(job=job, error=error))
        assert path == tmp_path / "records" / f"{job}.json"
    records = read_records(tmp_path)
    assert [(record.job, record.error) for record in records] == [("a", "first"), ("b", "second")]


def test_records_of_both_kinds_come_back_as_they_were(tmp_path: Path) -> None:
    records = [made_failed_record(), made_record()]
    for record in records:
        write_record(tmp_path, record)
    assert read_records(tmp_path) == records


def test_without_records_there_are_none(tmp_path: Path) -> None:
    assert read_records(tmp_path) == []
    assert read_records(tmp_path / "missing") == []


def test_hidden_and_temporary_files_are_passed_over(tmp_path: Path) -> None:
    write_record(tmp_path, made_record())
    (tmp_path / "records" / "._x.json").write_bytes(b"\x00\x05")
    (tmp_path / "records" / ".x.json.12.tmp").write_text('{"schema"')
    assert len(read_records(tmp_path)) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"schema": 1, "jo', "damaged"),
        (b"\xff\xfe\x00", "damaged"),
        (b'{"schema": 1, "job": "x", "seed": NaN}', "damaged"),
        (b"[1, 2]", "no record"),
        (b'{"name": "x"}', "no record"),
        (b'{"schema": 99, "job": "x"}', "schema 99"),
        (b'{"schema": "1", "job": "x"}', "schema '1'"),
        (b'{"job": "x"}', "schema None"),
        (b'{"schema": 2, "job": "x"}', "no whole record: Object missing required field"),
    ],
)
def test_a_damaged_or_foreign_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "odd.json").write_bytes(content)
    with pytest.raises(DataError, match=said) as told:
        read_records(tmp_path)
    assert "odd.json" in str(told.value)
    assert "Delete it" in str(told.value)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BlemishError, match="file/records"):
        write_record(tmp_path / "file", made_record())


def test_a_folder_of_records_that_cannot_be_listed_is_an_error_not_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "iterdir", locked)
    with pytest.raises(DataError, match="records' cannot be listed: Permission denied"):
        read_records(tmp_path)


@pytest.mark.parametrize("name", ["../../up", "a/b", "/etc/x", "x" * 400, "..", "a\\b", "\n"])
def test_an_id_names_a_file_in_the_folder_whatever_category_and_detector_are_called(
    tmp_path: Path, name: str
) -> None:
    for category, detector in ((name, "patchcore"), ("tile", name)):
        path = record_path(tmp_path, id_of(category, detector, 0, {}))
        assert path.resolve().parent == (tmp_path / "records").resolve()
        assert len(path.name.encode()) < 255
