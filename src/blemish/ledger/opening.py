"""Opening what holds rows of a ledger: its file, an archive, or a mirror in PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from blemish.ledger.chain import COLUMNS, START
from blemish.ledger.database import connect_to_read, schema_problem, telling
from blemish.ledger.part import Part, UnreadableError
from blemish.ledger.reader import ANCHOR

ADDRESSES = ("postgresql://", "postgres://")


@contextmanager
def open_part(place: str) -> Iterator[Part]:
    """Open a file or a mirror as it stands now. Raises `LedgerError` where that cannot be."""
    if place.startswith(ADDRESSES):
        from blemish.ledger.postgresql import open_mirror

        with open_mirror(place) as mirror:
            yield mirror
        return
    path = Path(place)
    with closing(connect_to_read(path)) as connection, _checked(path) as damage, telling(path):
        connection.execute("BEGIN")  # what is appended from now on is not seen
        found = connection.execute(ANCHOR).fetchone()
        (last,) = connection.execute("SELECT max(number) FROM row").fetchone()
        start = (0, START) if found is None else found[:2]
        problem = schema_problem(connection)
        connection.text_factory = bytes
        count = max(0, (last or 0) - start[0])
        yield Part(place, start, count, problem, lambda: _rows(connection, start[0]), damage)


def _rows(connection: sqlite3.Connection, after: int) -> Iterator[Sequence[Any]]:
    names = ", ".join(COLUMNS)
    try:
        yield from connection.execute(
            f"SELECT {names}, sha256 FROM row WHERE number > ? ORDER BY number", [after]
        )
    except sqlite3.Error as error:
        raise UnreadableError(str(error)) from error


@contextmanager
def _checked(path: Path) -> Iterator[Callable[[], str | None]]:
    """Have SQLite look at its pages and indexes on another core; gives what tells the result."""
    with closing(connect_to_read(path)) as connection, ThreadPoolExecutor(1) as thread:
        said = thread.submit(_integrity, connection)
        try:
            yield said.result
        finally:
            connection.interrupt()


def _integrity(connection: sqlite3.Connection) -> str | None:
    try:
        (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        said = str(error)
    return None if said == "ok" else f"the file is damaged ({said}); restore a backup"
