"""Where the rows of a ledger lie: its file, an archive, or a mirror in PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blemish.ledger.chain import COLUMNS, START
from blemish.ledger.database import connect_to_read, schema_problem, telling
from blemish.ledger.reader import ANCHOR

ADDRESSES = ("postgresql://", "postgres://")


class UnreadableError(Exception):
    """The row that comes next cannot be read: the file is damaged there."""


@dataclass(frozen=True)
class Part:
    """Rows that follow each other.

    Attributes:
        name: as the user has it.
        start: number and hash of the row before the first one.
        count: how many rows there are, about.
        problem: what is wrong with it as a whole.
        rows: all of them in order, by `chain.COLUMNS` with texts as bytes, and their hashes.
    """

    name: str
    start: tuple[int, bytes]
    count: int
    problem: str | None
    rows: Callable[[], Iterator[Sequence[Any]]]


@contextmanager
def open_part(place: str) -> Iterator[Part]:
    """Open a file or a mirror as it stands now. Raises `LedgerError` where that cannot be."""
    if place.startswith(ADDRESSES):
        from blemish.ledger.postgresql import open_mirror

        with open_mirror(place) as mirror:
            yield mirror
        return
    path = Path(place)
    with closing(connect_to_read(path)) as connection, telling(path):
        connection.execute("BEGIN")  # what is appended from now on is not seen
        found = connection.execute(ANCHOR).fetchone()
        (last,) = connection.execute("SELECT max(number) FROM row").fetchone()
        start = (0, START) if found is None else found[:2]
        problem = schema_problem(connection)
        connection.text_factory = bytes
        yield Part(
            place,
            start,
            max(0, (last or 0) - start[0]),
            problem,
            lambda: _rows(connection, start[0]),
        )


def _rows(connection: sqlite3.Connection, after: int) -> Iterator[Sequence[Any]]:
    try:
        yield from connection.execute(
            f"SELECT {', '.join(COLUMNS)}, sha256 FROM row WHERE number > ? ORDER BY number",
            [after],
        )
    except sqlite3.Error as error:
        raise UnreadableError(str(error)) from error
