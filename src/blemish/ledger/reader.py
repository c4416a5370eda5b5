"""Reading a ledger, from any thread, while one process may write it."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any, Self

from blemish.errors import LedgerError
from blemish.ledger.chain import COLUMNS, START
from blemish.ledger.columns import MICROSECOND, microseconds, moment, row_of
from blemish.ledger.database import connect_to_read, telling
from blemish.ledger.entry import Row
from blemish.ledger.query import Query

PAGE = 1000  # rows that are read at once
SELECT = f"SELECT {', '.join(COLUMNS)}, sha256 FROM row"


@dataclass(frozen=True)
class Head:
    """Where a chain ends: its last row.

    Attributes:
        number: of the row; 0 where there is none yet.
        sha256: its hash, which stands for all rows up to it.
        time: of the row; `None` where there is none.
    """

    number: int
    sha256: str
    time: datetime | None

    def to_dict(self) -> dict[str, Any]:
        """The head as plain JSON values."""
        time = None if self.time is None else self.time.isoformat()
        return {"number": self.number, "sha256": self.sha256, "time": time}


@dataclass(frozen=True)
class Count:
    """How many inspections there were.

    Attributes:
        step: in which of the steps, counted from 0.
        recipe, verdict: with these.
        parts: how many.
    """

    step: int
    recipe: str | None
    verdict: str | None
    parts: int


class Reader:
    """What a ledger says. All of it may be called from several threads.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._closed = Event()
        self._idle: deque[sqlite3.Connection] = deque()

    @classmethod
    def open(cls, path: Path) -> Self:
        """A ledger to read. Raises `LedgerError` where there is none or it is not ours."""
        reader = cls(path)
        with reader._reading():
            pass
        return reader

    def mark(self, name: str) -> str | None:
        """A small text beside the chain: a forwarder's cursor, a monitor's state."""
        found = self._one("SELECT value FROM mark WHERE name = ?", [name])
        return None if found is None else str(found[0])

    def marks(self, start: str) -> dict[str, str]:
        """All of them whose names start so."""
        return {
            name: value
            for name, value in self._all("SELECT name, value FROM mark ORDER BY name", [])
            if name.startswith(start)
        }

    def find(self, key: str) -> Row | None:
        """The row that is known by a key."""
        return self._first("WHERE key = ?", [key])

    def row(self, number: int) -> Row | None:
        """A row by its number; `None` where there is none, or it is archived."""
        return self._first("WHERE number = ?", [number])

    def after(self, number: int, *, most: int) -> list[Row]:
        """So many rows that follow a number at most, in order."""
        return self._rows("WHERE number > ? ORDER BY number LIMIT ?", [number, most])

    def rows(self, query: Query, *, most: int, before: int | None = None) -> list[Row]:
        """So many rows at most, newest first.

        Args:
            query: which ones.
            most: how many.
            before: only those with a smaller number: the last one of the page before.
        """
        condition, values = query.condition()
        if before is not None:
            condition, values = f"{condition} AND number < ?", [*values, before]
        return self._rows(f"WHERE {condition} ORDER BY number DESC LIMIT ?", [*values, most])

    def each(self, query: Query) -> Iterator[Row]:
        """All rows, in order, as they were when the first one was taken."""
        condition, values = query.condition()
        with self._reading() as connection:
            found = connection.execute(f"{SELECT} WHERE {condition} ORDER BY number", values)
            while page := found.fetchmany(PAGE):
                yield from (row_of(columns, sha256, new=False) for *columns, sha256 in page)

    def counts(
        self, *, since: datetime, until: datetime, step: timedelta | None = None
    ) -> list[Count]:
        """How many inspections there were, by recipe and verdict.

        Args:
            since: at or after this; aware.
            until: before this; aware.
            step: counted apart for each, from `since` on; by default all together.
        """
        start = microseconds(since)
        end = max(start, microseconds(until))
        width = (step or (until - since)) // MICROSECOND
        found = self._all(COUNTS, [start, max(1, width), start, end])
        return [Count(*columns) for columns in found]

    def last_words(self, *, since: datetime, until: datetime) -> list[tuple[str | None, str, int]]:
        """How often people said what of inspections: verdict, their last word, parts.

        Args:
            since: of inspections at or after this; aware.
            until: and before this; aware.
        """
        found = self._all(LAST_WORDS, [microseconds(since), microseconds(until)])
        return [(verdict, str(word), parts) for verdict, word, parts in found]

    def first_since(self, time: datetime) -> int | None:
        """The first row that is of this time or later; `None` where all are earlier."""
        found = self._one("SELECT min(number) FROM row WHERE time >= ?", [microseconds(time)])
        return None if found is None or found[0] is None else int(found[0])

    def anchor(self) -> Head:
        """The last row that is in an archive; number 0 where none is."""
        return _head(self._one(ANCHOR, []))

    def head(self) -> Head:
        """Where the chain ends."""
        return _head(self._one(HEAD, []))

    def close(self) -> None:
        """Let go of the file. What is asked for later is a `LedgerError`."""
        self._closed.set()
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _first(self, words: str, values: Sequence[Any]) -> Row | None:
        return next(iter(self._rows(words, values)), None)

    def _rows(self, words: str, values: Sequence[Any]) -> list[Row]:
        found = self._all(f"{SELECT} {words}", values)
        return [row_of(columns, sha256, new=False) for *columns, sha256 in found]

    def _one(self, sql: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        return next(iter(self._all(sql, values)), None)

    def _all(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._reading() as connection:
            return connection.execute(sql, values).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that no other thread has meanwhile."""
        if self._closed.is_set():
            raise LedgerError(f"'{self.path}' is closed.")
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = connect_to_read(self.path)
        try:
            with telling(self.path):
                yield connection
        finally:
            if self._closed.is_set():
                connection.close()
            else:
                self._idle.append(connection)


def _head(found: tuple[Any, ...] | None) -> Head:
    if found is None:
        return Head(0, START.hex(), None)
    number, sha256, time = found
    return Head(number, sha256.hex(), moment(time))


ANCHOR = "SELECT number, sha256, time FROM anchor ORDER BY number DESC LIMIT 1"
HEAD = f"""
SELECT * FROM (SELECT number, sha256, time FROM row ORDER BY number DESC LIMIT 1)
UNION ALL
SELECT * FROM ({ANCHOR})
ORDER BY number DESC LIMIT 1
"""
COUNTS = """
SELECT (time - ?) / ? AS step, recipe, verdict, count(*)
FROM row WHERE kind = 'inspection' AND time >= ? AND time < ?
GROUP BY step, recipe, verdict ORDER BY step, recipe, verdict
"""
LAST_WORDS = """
SELECT part.verdict, json_extract(review.body, '$.word') AS word, count(*)
FROM row AS review JOIN row AS part ON part.number = review.refers_to
WHERE review.kind = 'review' AND part.kind = 'inspection' AND part.time >= ? AND part.time < ?
AND review.number = (
    SELECT max(number) FROM row WHERE refers_to = part.number AND kind = 'review'
)
GROUP BY part.verdict, word ORDER BY part.verdict, word
"""
