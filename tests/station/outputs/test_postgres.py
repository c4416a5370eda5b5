"""The mirror in PostgreSQL has each row once, in order, whatever happens to the server."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.errors import LedgerError
from blemish.ledger.audit import audit
from blemish.ledger.entry import Entry, Kind
from blemish.ledger.ledger import Ledger
from blemish.ledger.retention import archive
from ledgers import NOON, inspection
from postgresql import running

psycopg = pytest.importorskip("psycopg", reason="needs the extra 'station'")
from blemish.station.outputs.postgres import Postgres, PostgresSettings  # noqa: E402

NUMBERS = count()


@pytest.fixture(scope="module")
def server():
    with running() as started:
        yield started


@pytest.fixture
def url(server):
    """An empty schema of its own."""
    name = f"line{next(NUMBERS)}"
    with psycopg.connect(server.url) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{server.url}&options=-csearch_path%3D{name}"


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path / "ledger.db") as opened:
        opened.append([inspection(n, key=f"k{n}", part=f"Pä{n}") for n in range(10)])
        yield opened


class Mirror:
    """An output, and what is in its database."""

    def __init__(self, url, ledger):
        self.url, self.ledger = url, ledger
        self.output = Postgres("erp", PostgresSettings(url=url), SimpleNamespace(ledger=ledger))

    def deliver(self, after=0, most=100):
        asyncio.run(self.output.deliver(self.ledger.after(after, most=most)))

    def ask(self, sql):
        with psycopg.connect(self.url) as connection:
            done = connection.execute(sql)
            return done.fetchall() if done.description else []

    def numbers(self):
        return [n for (n,) in self.ask("SELECT number FROM blemish_row ORDER BY number")]


@pytest.fixture
def mirror(url, ledger):
    made = Mirror(url, ledger)
    yield made
    asyncio.run(made.output.close())


def test_rows_are_mirrored_once_and_as_they_are(mirror, ledger):
    mirror.deliver(most=4)
    mirror.deliver(most=6)
    mirror.deliver(after=2)
    mirror.deliver()
    assert mirror.numbers() == list(range(1, 11))
    assert mirror.output.health.counts == {"delivered": 10}
    assert mirror.output.health.ready
    found = audit([mirror.url], heads=[ledger.head()])
    assert (found.fault, found.head, found.heads) == (None, ledger.head(), (10,))
    ((part, time, score),) = mirror.ask("SELECT part, time, score FROM blemish_row WHERE number=4")
    assert (part, time, score) == ("Pä3", inspection(3).time, 3 / 7)


def test_anything_that_the_ledger_keeps_the_mirror_keeps(mirror, ledger):
    ledger.append([
        Entry(Kind.EVENT, NOON, {"\udcff": "\0", "n": [1e300, -0.0, None, "\t\\N"]}),
        inspection(part="\t\\N\n", who='"', score=5e-324, threshold=-1.7e308, refers_to=2),
    ])  # fmt: skip
    mirror.deliver()
    assert audit([mirror.url]).head == ledger.head()


def test_a_mirror_that_was_emptied_or_set_back_is_filled_again(mirror, ledger):
    mirror.deliver()
    for statement in ("DELETE FROM blemish_row WHERE number > 4", "DELETE FROM blemish_row"):
        forge(mirror, statement)
        ledger.append([inspection(50)])
        mirror.deliver(after=ledger.head().number - 1)
        assert mirror.numbers() == list(range(1, ledger.head().number + 1))
    assert audit([mirror.url]).fault is None


def forge(mirror, statement):
    with psycopg.connect(mirror.url) as connection:
        connection.execute("ALTER TABLE blemish_row DISABLE TRIGGER ALL")
        connection.execute(statement)
        connection.execute("ALTER TABLE blemish_row ENABLE TRIGGER ALL")


def test_a_server_that_is_away_loses_nothing(mirror, server):
    mirror.deliver(most=3)
    server.stop()
    try:
        for _ in range(2):
            with pytest.raises(LedgerError, match="PostgreSQL"):
                mirror.deliver(after=3)
        assert not mirror.output.health.ready
    finally:
        server.start()
    mirror.deliver(after=3)
    assert mirror.numbers() == list(range(1, 11))
    assert mirror.output.health.counts["reconnects"] >= 1


def test_rows_of_another_ledger_are_refused(mirror, tmp_path):
    mirror.deliver(most=4)
    with Ledger.open(tmp_path / "other.db") as other:
        other.append([inspection(n, verdict="defect") for n in range(9)])
        output = Mirror(mirror.url, other)
        with pytest.raises(LedgerError, match="not of this ledger"):
            output.deliver()
        asyncio.run(output.output.close())
    assert mirror.numbers() == [1, 2, 3, 4]


def test_a_ledger_that_was_set_back_is_told(mirror, tmp_path):
    mirror.deliver()
    with Ledger.open(tmp_path / "older.db") as older:
        older.append([row.entry for row in mirror.ledger.after(0, most=5)])
        output = Mirror(mirror.url, older)
        with pytest.raises(LedgerError, match="set back"):
            output.deliver()
        asyncio.run(output.output.close())


def test_a_mirror_that_begins_late_goes_on_from_the_archive(mirror, ledger, tmp_path):
    archive(ledger, tmp_path / "old.db", before=inspection(4).time)
    mirror.deliver()
    assert mirror.numbers() == list(range(5, 12))
    assert audit([mirror.url]).first == 5
    found = audit([str(tmp_path / "old.db"), mirror.url])
    assert (found.first, found.rows, found.fault) == (1, 11, None)


def test_a_mirror_that_lags_behind_an_archive_is_told(mirror, ledger, tmp_path):
    mirror.deliver(most=2)
    archive(ledger, tmp_path / "old.db", before=inspection(4).time)
    with pytest.raises(LedgerError, match="is archived"):
        mirror.deliver(after=4)


def test_rows_of_a_mirror_are_kept_from_change(mirror):
    mirror.deliver()
    for sql in ("UPDATE blemish_row SET part = 'x'", "DELETE FROM blemish_row",
                "TRUNCATE blemish_row"):  # fmt: skip
        with pytest.raises(psycopg.Error, match="never changed"):
            mirror.ask(sql)


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE blemish_row SET verdict = 'defect' WHERE number = 4", 4),
        ("UPDATE blemish_row SET time = time + interval '1 us' WHERE number = 4", 4),
        ("UPDATE blemish_row SET body = '{\"id\": 3}' WHERE number = 4", 4),
        ("DELETE FROM blemish_row WHERE number = 6", 6),
        ("ALTER TABLE blemish_row DISABLE TRIGGER blemish_row_stays", None),
    ],
)
def test_an_audit_finds_what_was_changed(mirror, statement, row):
    mirror.deliver()
    if row is None:
        mirror.ask(statement)
    else:
        forge(mirror, statement)
    ended = CliRunner().invoke(app, ["audit", mirror.url, "--json"])
    assert ended.exit_code == 4
    assert json.loads(ended.stdout)["fault"]["row"] == row


def test_a_database_without_a_mirror_is_told(url):
    with pytest.raises(LedgerError, match="no mirror"):
        audit([url])


def test_a_server_that_cannot_be_reached_is_told_without_the_password(tmp_path):
    with pytest.raises(LedgerError) as told:
        audit([f"postgresql://me:secret@/db?host={tmp_path}"])
    assert "secret" not in str(told.value)
