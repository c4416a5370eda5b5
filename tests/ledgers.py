"""Ledgers for tests: entries, and what a forger does to the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from blemish.ledger.chain import COLUMNS, START, link
from blemish.ledger.entry import Entry, Kind
from blemish.ledger.ledger import Ledger

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def inspection(number=0, **values):
    """The inspection of a part, a second after the one before."""
    defaults = {"body": {"id": number}, "verdict": "good", "recipe": "lid", "score": number / 7}
    return Entry(Kind.INSPECTION, NOON + timedelta(seconds=number), **{**defaults, **values})


def written(path, rows=10, **values):
    """A ledger of some inspections."""
    with Ledger.open(path) as ledger:
        ledger.append([inspection(n, key=f"k{n}", **values) for n in range(rows)])
    return path


def forge(path, *statements):
    """Change a ledger as somebody does who knows SQLite: its triggers are back afterwards."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)


def make_hashes_anew(path):
    """Chain all rows again, as somebody does who has read the source."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.text_factory = bytes
        rows = connection.execute(
            f"SELECT {', '.join(COLUMNS)} FROM row ORDER BY number"
        ).fetchall()
        before, statements = START, []
        for row in rows:
            before = link(before, row)
            statements.append(f"UPDATE row SET sha256 = x'{before.hex()}' WHERE number = {row[0]}")
    forge(path, *statements)
