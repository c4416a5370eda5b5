"""A ledger's mirror in PostgreSQL, as an audit reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from blemish.errors import LedgerError, MissingExtraError
from blemish.ledger.chain import COLUMNS, START
from blemish.ledger.part import Part, UnreadableError

CONNECT_SECONDS = 10
PAGE = 10_000  # rows that the server sends at once
SINCE_1970 = 946_684_800_000_000  # microseconds from there to 2000, where PostgreSQL counts from
TRIGGERS = 2
NO_TRIGGERS = "what keeps its rows from being changed (blemish_row_stays) was taken out"


@contextmanager
def open_mirror(address: str) -> Iterator[Part]:
    """The rows of a mirror as they stand now.

    Args:
        address: postgresql://...

    Raises:
        LedgerError: the server cannot be reached, or there is no mirror.
        MissingExtraError: psycopg is not installed.
    """
    psycopg = _psycopg()
    name = _without_password(address)
    try:
        with psycopg.connect(address, connect_timeout=CONNECT_SECONDS) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            found = connection.execute(ANCHOR).fetchone()
            start = (0, START) if found is None else (found[0], bytes(found[1]))
            (last,) = connection.execute("SELECT max(number) FROM blemish_row").fetchone()
            (triggers,) = connection.execute(ENABLED).fetchone()
            problem = None if triggers == TRIGGERS else NO_TRIGGERS
            count = max(0, (last or 0) - start[0])
            yield Part(name, start, count, problem, lambda: _rows(connection), lambda: None)
    except psycopg.errors.UndefinedTable as error:
        raise LedgerError(f"There is no mirror of a ledger in '{name}'.") from error
    except psycopg.Error as error:
        raise LedgerError(f"'{name}': {str(error).strip()}") from error


def _rows(connection: Any) -> Iterator[Sequence[Any]]:
    psycopg = _psycopg()
    names = ", ".join(COLUMNS)
    with connection.cursor("rows") as cursor:
        _take_as_it_is(cursor)
        cursor.itersize = PAGE
        try:
            yield from cursor.execute(
                f"SELECT {names}, sha256 FROM blemish_row ORDER BY number", binary=True
            )
        except psycopg.Error as error:
            raise UnreadableError(str(error).strip()) from error


def _take_as_it_is(cursor: Any) -> None:
    """Have texts as bytes and times as microseconds since 1970."""
    from psycopg.adapt import Loader
    from psycopg.pq import Format

    class Raw(Loader):  # type: ignore[misc]
        format = Format.BINARY

        def load(self, data: Any) -> bytes:
            return bytes(data)

    class Microseconds(Loader):  # type: ignore[misc]
        format = Format.BINARY

        def load(self, data: Any) -> int:
            return int.from_bytes(data, "big", signed=True) + SINCE_1970

    for kind in ("text", "json", "bytea"):
        cursor.adapters.register_loader(kind, Raw)
    cursor.adapters.register_loader("timestamptz", Microseconds)


def _without_password(address: str) -> str:
    from psycopg.conninfo import conninfo_to_dict

    given = conninfo_to_dict(address)
    place = "/".join(str(given.get(name) or "") for name in ("host", "dbname"))
    return f"postgresql://{place}"


def _psycopg() -> Any:
    try:
        return import_module("psycopg")
    except ImportError as error:
        raise MissingExtraError("A mirror in PostgreSQL", "station") from error


ANCHOR = "SELECT number, sha256 FROM blemish_anchor ORDER BY number DESC LIMIT 1"
ENABLED = """
SELECT count(*) FROM pg_trigger
WHERE tgrelid IN ('blemish_row'::regclass, 'blemish_anchor'::regclass)
AND tgname IN ('blemish_row_stays', 'blemish_anchor_stays') AND tgenabled IN ('O', 'A')
"""
