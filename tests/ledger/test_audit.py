"""An audit finds every kind of change, and names the first wrong row."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.errors import LedgerError, UsageError
from blemish.ledger.audit import audit
from blemish.ledger.chain import START, TEXTS, link
from blemish.ledger.ledger import Ledger
from blemish.ledger.reader import Head, Reader
from ledgers import forge, inspection, make_hashes_anew, written

VALUES = {
    "time": "7", "score": "0.25", "threshold": "0.5", "refers_to": "1", "kind": "'event'",
    "key": "'other'", "part": "'P'", "recipe": "NULL", "model_sha256": "'m'",
    "image_sha256": "'i'", "verdict": "'defect'", "who": "'me'", "body": "'{}'",
    "sha256": "zeroblob(32)",
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return written(tmp_path_factory.mktemp("whole") / "ledger.db")


@pytest.fixture
def path(whole, tmp_path):
    return Path(shutil.copy(whole, tmp_path / "ledger.db"))


def head_of(path):
    with Reader.open(path) as reader:
        return reader.head()


def test_what_was_written_stands(path):
    found = audit([str(path)], heads=[head_of(path)])
    assert found.fault is None
    assert (found.first, found.rows, found.head, found.heads) == (1, 10, head_of(path), (10,))


def test_an_empty_ledger_stands(tmp_path):
    Ledger.open(tmp_path / "empty.db").close()
    found = audit([str(tmp_path / "empty.db")])
    assert (found.fault, found.rows, found.head) == (None, 0, Head(0, "0" * 64, None))


@pytest.mark.parametrize("column", VALUES)
def test_a_value_that_was_changed_is_found_in_any_column(path, column):
    forge(path, f"UPDATE row SET {column} = {VALUES[column]} WHERE number = 4")
    found = audit([str(path)])
    assert found.fault.row == 4
    assert "was changed" in found.fault.what
    assert (found.rows, found.head.number) == (3, 3)


def test_every_column_has_its_forgery():
    assert {*VALUES} == {*TEXTS, "time", "score", "threshold", "refers_to", "sha256"}


def test_rows_that_are_missing_are_named(path):
    forge(path, "DELETE FROM row WHERE number IN (4, 5)")
    assert audit([str(path)]).fault.what == "Rows 4 to 5 are missing."
    forge(path, "DELETE FROM row WHERE number < 3")
    assert audit([str(path)]).fault.what == "Rows 1 to 2 are missing."


def test_a_row_that_was_taken_out_is_found_where_the_rest_moved_up(path):
    forge(
        path,
        "DELETE FROM row WHERE number = 4",
        *(f"UPDATE row SET number = {n - 1} WHERE number = {n}" for n in range(5, 11)),
    )
    assert audit([str(path)]).fault.row == 4


def test_a_row_that_was_put_in_is_found(path):
    forge(
        path,
        *(f"UPDATE row SET number = {n + 1} WHERE number = {n}" for n in range(10, 3, -1)),
        "INSERT INTO row SELECT 4, time, score, threshold, refers_to, kind, 'new', part, recipe, "
        "model_sha256, image_sha256, verdict, who, body, sha256 FROM row WHERE number = 3",
    )
    assert audit([str(path)]).fault.row == 4


def test_rows_that_changed_places_are_found(path):
    forge(
        path,
        "UPDATE row SET number = 99 WHERE number = 4",
        "UPDATE row SET number = 4 WHERE number = 7",
        "UPDATE row SET number = 7 WHERE number = 99",
    )
    assert audit([str(path)]).fault.row == 4


def test_a_row_at_the_end_that_was_not_appended_by_us_is_found(path):
    forge(
        path,
        "INSERT INTO row SELECT 11, time, score, threshold, refers_to, kind, 'new', part, recipe, "
        "model_sha256, image_sha256, verdict, who, body, sha256 FROM row WHERE number = 10",
    )
    assert audit([str(path)]).fault.row == 11


def test_what_was_cut_off_at_the_end_is_found_by_a_head_alone(path):
    known = head_of(path)
    forge(path, "DELETE FROM row WHERE number > 7")
    assert audit([str(path)]).fault is None
    found = audit([str(path)], heads=[known])
    assert found.fault.row == 8
    assert found.fault.what == "Rows 8 to 10 are missing: cut off at the end."


def test_hashes_that_were_made_anew_are_found_between_two_heads(path):
    with Reader.open(path) as reader:
        heads = [Head(n, reader.row(n).sha256, None) for n in (3, 8)]
    forge(path, "UPDATE row SET verdict = 'defect' WHERE number = 5")
    make_hashes_anew(path)
    assert audit([str(path)]).fault is None
    found = audit([str(path)], heads=heads)
    assert found.heads == (3,)
    assert found.fault.row == 8
    assert "one of rows 4 to 8 was changed" in found.fault.what


@pytest.mark.parametrize(
    "statement",
    ["DROP TRIGGER row_stays", "DROP INDEX row_by_key", "CREATE TABLE more (a)"],
)
def test_a_schema_that_was_changed_is_found(path, statement):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    fault = audit([str(path)]).fault
    assert fault.row is None
    assert statement.split()[2] in fault.what


@pytest.mark.parametrize("page", range(1, 20, 3))
def test_a_damaged_page_of_the_file_is_found(tmp_path, page):
    path = written(tmp_path / "ledger.db", rows=400)
    content = bytearray(path.read_bytes())
    content[page * 4096 : (page + 1) * 4096] = bytes(range(256)) * 16
    path.write_bytes(content)
    try:
        assert audit([str(path)]).fault is not None
    except LedgerError as error:
        assert "damaged" in str(error)


def test_an_audit_leaves_nothing_beside_the_ledger(path):
    before = sorted(path.parent.iterdir())
    audit([str(path)])
    assert sorted(path.parent.iterdir()) == before


def test_an_audit_runs_while_the_ledger_is_written(path):
    with Ledger.open(path) as ledger:
        ledger.append([inspection(20)])
        assert audit([str(path)]).rows == 11
        ledger.append([inspection(21)])
        assert audit([str(path)]).rows == 12


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="needs to be root")
def test_a_ledger_in_a_folder_that_may_not_be_written_is_audited(path):
    program = (
        "import os, sys; from blemish.ledger.audit import audit; audit(sys.argv[1:]); "
        "os.setuid(65534); print(audit(sys.argv[1:]).rows)"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", program, shutil.copy(path, folder)],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.stdout == "10\n", done.stderr


def test_what_is_no_ledger_is_refused(tmp_path):
    with pytest.raises(LedgerError, match="There is no ledger"):
        audit([str(tmp_path / "none.db")])


TEXT = st.none() | st.binary(max_size=3)
ROW = st.tuples(
    *[st.integers(0, 3)] * 2,
    *[st.none() | st.floats(allow_nan=False)] * 2,
    st.none() | st.integers(0, 3),
    st.binary(max_size=2),
    *[TEXT] * (len(TEXTS) - 2),
    st.binary(max_size=2),
)


@given(ROW, ROW)
def test_no_two_rows_have_the_same_hash(one, other):
    same = repr(one) == repr(other)  # tells 0.0 and -0.0, None and empty apart
    assert (link(START, one) == link(START, other)) == (same or _same_zero(one, other))


def _same_zero(one, other):
    return [type(v) for v in one] == [type(v) for v in other] and one == other


def test_the_encoding_is_the_one_that_stands_in_old_ledgers():
    row = (1, 1_764_590_400_000_000, 0.25, None, None, b"inspection", None, b"P", b"lid", None,
           None, b"good", None, b'{"id":1}')  # fmt: skip
    assert link(START, row).hex() == GOLDEN


GOLDEN = "2f4e550f62c3faca053df4803f6b6f90d3c94f9dd091de52342c19fd6fc9897a"


def test_the_command_tells_and_ends_with_4_where_something_is_wrong(path):
    run = CliRunner().invoke
    ended = run(app, ["audit", str(path), "--json"])
    assert ended.exit_code == 0
    assert json.loads(ended.stdout)["ok"] is True
    forge(path, "DELETE FROM row WHERE number = 4")
    ended = run(app, ["audit", str(path), "--json"])
    assert ended.exit_code == 4
    assert json.loads(ended.stdout)["fault"] == {"row": 4, "what": "Row 4 is missing."}
    ended = run(app, ["audit", str(path)])
    assert ended.exit_code == 4
    assert "Row 4 is missing." in ended.stderr


def test_a_head_needs_the_key(path):
    ended = CliRunner().invoke(app, ["audit", str(path), "--head", "head.json"])
    assert ended.exit_code == 2
    assert "'--key'" in ended.stderr


def test_a_head_of_archived_rows_asks_for_the_archive(tmp_path, path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO anchor SELECT number, sha256, time FROM row WHERE number=4")
        connection.execute("DELETE FROM row WHERE number <= 4")
    assert audit([str(path)]).fault.row == 1  # no row tells of an archive
    with pytest.raises(UsageError, match="name the archive"):
        audit([str(path)], heads=[Head(2, "0" * 64, None)])
