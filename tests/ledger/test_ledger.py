"""The ledger: what is appended stands, in order, and is found again."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest

from blemish.errors import LedgerError, UsageError
from blemish.ledger.audit import audit
from blemish.ledger.entry import Entry, Kind
from blemish.ledger.ledger import Ledger
from blemish.ledger.query import Query
from blemish.ledger.reader import Head, Reader

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path):
    with Ledger.open(path) as opened:
        yield opened


def inspection(number=0, **values):
    defaults = {"body": {"id": number}, "verdict": "good", "recipe": "lid", "score": number / 7}
    return Entry(Kind.INSPECTION, NOON + timedelta(seconds=number), **{**defaults, **values})


def test_a_new_ledger_has_a_head_of_nothing(ledger):
    assert ledger.head() == Head(0, "0" * 64, None)
    assert ledger.after(0, most=10) == []


def test_rows_are_numbered_and_found_as_they_were_appended(ledger):
    entries = [
        inspection(0, key="a", part="P-1", model_sha256="m", image_sha256="i", threshold=0.5),
        Entry(Kind.REVIEW, NOON, {"word": "overruled", "ä": [1, None]}, refers_to=1, who="Zoë"),
    ]
    rows = ledger.append(entries)
    assert [row.number for row in rows] == [1, 2]
    assert all(row.new for row in rows)
    assert [row.entry for row in rows] == entries
    again = ledger.after(0, most=10)
    assert [(row.entry, row.sha256) for row in again] == [(row.entry, row.sha256) for row in rows]
    assert ledger.row(2).entry == entries[1]
    assert ledger.find("a").number == 1
    assert ledger.row(3) is None
    assert ledger.find("b") is None
    assert ledger.head() == Head(2, rows[1].sha256, NOON)


def test_each_hash_depends_on_all_rows_before(tmp_path):
    heads = set()
    for name, first in (("a", 1), ("b", 2)):
        with Ledger.open(tmp_path / name) as ledger:
            ledger.append([inspection(first), inspection(5)])
            heads.add(ledger.head().sha256)
    assert len(heads) == 2


def test_a_key_is_taken_once_also_within_one_call_and_after_a_restart(path):
    with Ledger.open(path) as ledger:
        first, second = ledger.append([inspection(1, key="k"), inspection(2, key="k")])
        assert (second.number, second.new, second.entry) == (1, False, first.entry)
    with Ledger.open(path) as ledger:
        third, fourth = ledger.append([inspection(3, key="k"), inspection(4)])
        assert (third.number, third.new, fourth.number) == (1, False, 2)


def test_times_are_kept_to_the_microsecond_in_utc(ledger):
    cet = timezone(timedelta(hours=1))
    (row,) = ledger.append([Entry(Kind.EVENT, datetime(2026, 1, 1, 0, 0, 0, 123457, tzinfo=cet))])
    assert row.entry.time.isoformat() == "2025-12-31T23:00:00.123457+00:00"


@pytest.mark.parametrize("value", [0.1, -0.0, 1e-310, 5e300, 3.0, -7.25])
def test_numbers_come_back_to_the_bit(ledger, value):
    ledger.append([inspection(score=value, threshold=value)])
    assert ledger.row(1).entry.score == value
    assert ledger.row(1).sha256 == ledger.head().sha256


@pytest.mark.parametrize(
    "entry",
    [
        inspection(score=float("nan")),
        inspection(threshold=float("inf")),
        inspection(part="a\0b"),
        inspection(part="\udcff"),
        inspection(key="k" * 5000),
        inspection(body={"a": object()}),
        inspection(body={"a": float("nan")}),
        inspection(refers_to=2),
        inspection(refers_to=0),
        Entry(Kind.EVENT, datetime(2026, 1, 1)),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_with_it_is_appended(ledger, entry):
    with pytest.raises(UsageError):
        ledger.append([inspection(), entry], marks={"cursor": "1"})
    assert ledger.head().number == 0
    assert ledger.mark("cursor") is None
    assert ledger.append([inspection()])[0].number == 1


def test_a_body_may_hold_names_of_files_that_are_no_text(ledger):
    (row,) = ledger.append([inspection(body={"name": "\udcff.png", "zero": "\0"})])
    assert row.entry.body == ledger.row(1).entry.body == {"name": "\udcff.png", "zero": "\0"}


def test_marks_go_with_the_rows_or_alone(ledger, path):
    assert ledger.mark("cursor") is None
    ledger.append([inspection()], marks={"cursor": "1", "state": "x"})
    ledger.set_marks({"cursor": "2"})
    assert (ledger.mark("cursor"), ledger.mark("state")) == ("2", "x")
    assert ledger.head().number == 1


def test_rows_are_asked_for_newest_first_page_by_page(ledger):
    ledger.append([inspection(n, verdict="defect" if n % 3 else "good") for n in range(10)])
    ledger.append([Entry(Kind.REVIEW, NOON, refers_to=4)])
    asked = Query(kinds=[Kind.INSPECTION], verdicts=["defect"])
    first = ledger.rows(asked, most=4)
    assert [row.number for row in first] == [9, 8, 6, 5]
    rest = ledger.rows(asked, most=4, before=first[-1].number)
    assert [row.number for row in rest] == [3, 2]
    assert [row.number for row in ledger.rows(Query(refers_to=4), most=5)] == [11]


def test_a_query_takes_times_recipe_and_part(ledger):
    ledger.append([inspection(n, part=f"P{n}", recipe="ab"[n % 2]) for n in range(6)])
    second = timedelta(seconds=1)
    asked = Query(since=NOON + second, until=NOON + 4 * second)
    assert [row.number for row in ledger.rows(asked, most=9)] == [4, 3, 2]
    assert [row.number for row in ledger.rows(Query(recipe="b"), most=9)] == [6, 4, 2]
    assert [row.number for row in ledger.rows(Query(part="P2"), most=9)] == [3]
    assert ledger.rows(Query(verdicts=[]), most=9) == []


def test_rows_cannot_be_changed_taken_out_or_put_between(ledger, path):
    ledger.append([inspection(n, key=f"k{n}") for n in range(3)])
    with sqlite3.connect(path) as other:
        columns = "number, time, kind, key, body, sha256"
        for sql in (
            "UPDATE row SET verdict = 'good'",
            "DELETE FROM row",
            "DELETE FROM row WHERE number = 3",
            f"INSERT INTO row ({columns}) VALUES (9, 0, 'event', NULL, '{{}}', zeroblob(32))",
            f"INSERT OR REPLACE INTO row ({columns}) VALUES (3, 0, 'x', NULL, '', zeroblob(32))",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                other.execute(sql)
    other.close()


def test_a_second_process_is_kept_from_writing_and_reads_meanwhile(ledger, path):
    ledger.append([inspection()])
    program = (
        "import sys; from pathlib import Path; from blemish.ledger.ledger import Ledger\n"
        "from blemish.ledger.reader import Reader\n"
        "path = Path(sys.argv[1]); print(Reader.open(path).head().number)\n"
        "Ledger.open(path)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], check=False, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.stdout == "1\n"
    assert "is written by another process" in done.stderr
    with pytest.raises(LedgerError, match="another process"):
        Ledger.open(path)


def test_the_lock_goes_with_the_ledger(path):
    for _ in range(3):
        with Ledger.open(path) as ledger:
            ledger.append([inspection()])
    assert Reader.open(path).head().number == 3


def test_a_link_and_what_it_points_to_are_one_ledger(ledger, path):
    (path.parent / "elsewhere").mkdir()
    link = path.parent / "elsewhere" / "link.db"
    link.symlink_to(path)
    with pytest.raises(LedgerError, match="another process"):
        Ledger.open(link)


def test_two_writers_without_the_lock_still_write_one_chain(ledger, path):
    ledger.append([inspection()])
    path.with_name(f"{path.name}-lock").unlink()  # as somebody does who wants it gone
    with Ledger.open(path) as other:
        for number in range(1, 9):
            (ledger, other)[number % 2].append([inspection(number, key=f"k{number // 2}")])
    assert audit([str(path)]).rows == 6
    assert ledger.append([inspection()])[0].number == 7


def test_threads_read_while_others_write(ledger):
    numbers, faults = [], []

    def write(name):
        for n in range(25):
            (row,) = ledger.append([inspection(n, key=f"{name}/{n}")])
            numbers.append(row.number)

    def read():
        try:
            while len(numbers) < 100:
                rows = ledger.after(0, most=1000)
                assert [row.number for row in rows] == list(range(1, len(rows) + 1))
                assert ledger.head().number >= len(rows)
        except Exception as error:  # of a thread
            faults.append(error)

    threads = [threading.Thread(target=write, args=[name]) for name in "abcd"]
    threads += [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not faults
    assert sorted(numbers) == list(range(1, 101))


def test_what_is_asked_of_a_closed_ledger_is_an_error(path):
    ledger = Ledger.open(path)
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.append([inspection()])
    with pytest.raises(LedgerError, match="closed"):
        ledger.head()


def test_what_is_no_ledger_is_refused_and_stays(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no ledger" * 500)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    for path in (text, other):
        before = path.read_bytes()
        for kind in (Ledger, Reader):
            with pytest.raises(LedgerError, match="no ledger"):
                kind.open(path)
        assert path.read_bytes() == before
    with pytest.raises(LedgerError):
        Ledger.open(tmp_path / "missing" / "ledger.db")
    with pytest.raises(LedgerError, match="There is no ledger"):
        Reader.open(tmp_path / "missing.db")
    assert not (tmp_path / "missing.db").exists()


def test_a_ledger_of_a_newer_schema_is_refused(path):
    Ledger.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(LedgerError, match="update blemish"):
        Ledger.open(path)


def test_a_changed_row_near_the_end_is_seen_at_opening(path):
    with Ledger.open(path) as ledger:
        ledger.append([inspection(n) for n in range(5)])
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER row_stays")
        connection.execute("UPDATE row SET verdict = 'defect' WHERE number = 3")
    connection.close()
    with pytest.raises(LedgerError, match="row 3 does not follow"):
        Ledger.open(path)


def test_a_full_disk_is_an_error_and_the_ledger_goes_on_once_there_is_room(ledger):
    ledger.append([inspection()])
    (pages,) = ledger._writer.execute("PRAGMA page_count").fetchone()
    ledger._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="full"):
        for _ in range(50):
            ledger.append([inspection(body={"filler": "x" * 4000})])
    last = ledger.head().number
    assert len(ledger.after(0, most=99)) == last
    ledger._writer.execute("PRAGMA max_page_count = 1000000")
    assert ledger.append([inspection(body={"filler": "x" * 9000})])[0].number == last + 1
