"""A mirror of the ledger in PostgreSQL, for whoever asks it from elsewhere.

The record is the ledger; what PostgreSQL has is a copy, row by row with the same hashes, which
`blemish audit postgresql://...` looks through as it does the ledger. Rows are copied once, whatever
is handed on twice; a mirror that was emptied or set back is filled from the ledger again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import psycopg

from blemish.errors import LedgerError
from blemish.ledger.chain import COLUMNS, link
from blemish.ledger.columns import columns_of
from blemish.ledger.database import migrations
from blemish.ledger.postgresql import ANCHOR, CONNECT_SECONDS
from blemish.station.contracts import Health
from blemish.station.tables import Table

if TYPE_CHECKING:
    from blemish.ledger.entry import Row
    from blemish.ledger.ledger import Ledger
    from blemish.station.contracts import Context

FILLED = 1000  # rows that are taken from the ledger at once
LOCK = 0x424C4544  # of those who write to the mirror, in this database
GIVE_UP_MS = 30_000  # on a server that does not answer
# What a server that has gone without a word is noticed by.
KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
             "tcp_user_timeout": GIVE_UP_MS}  # fmt: skip


class PostgresSettings(Table, frozen=True):
    """Where the mirror is.

    Attributes:
        url: `postgresql://user@host/database`. The password is taken from `~/.pgpass` or
            `PGPASSWORD` where it is not there; `?options=-csearch_path%3Dline2` keeps the mirrors
            of several stations apart.
    """

    url: str


class Postgres:
    """Copies rows.

    Args:
        name: of the output.
        settings: where to.
        context: its ledger gives what the mirror lacks.
    """

    Settings = PostgresSettings

    def __init__(self, name: str, settings: PostgresSettings, context: Context) -> None:
        self.name = name
        self.health = Health(told="not connected yet")
        self._url, self._ledger = settings.url, context.ledger
        self._connection: psycopg.Connection[Any] | None = None
        self._lock = Lock()  # a thread that was given up may still be at work

    async def deliver(self, rows: list[Row]) -> None:
        """Copy rows, all or none; they last once it returns.

        Raises:
            LedgerError: the server is away, or the mirror does not go on to these rows.
        """
        await asyncio.to_thread(self._deliver, rows)

    async def close(self) -> None:
        """Let go of the connection."""
        await asyncio.to_thread(self._let_go)

    def _deliver(self, rows: Sequence[Row]) -> None:
        with self._lock:
            try:
                copied = mirror(self._connected(), rows, self._ledger)
            except psycopg.Error as error:
                self._drop()
                self._tell(ready=False, told=f"PostgreSQL: {str(error).strip()}")
                raise LedgerError(self.health.told) from error
            except LedgerError as error:
                self._tell(ready=False, told=str(error))
                raise
            self.health.count("delivered", copied)
            self._tell(ready=True, told=f"mirrored up to row {rows[-1].number:,}")

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            if self._connection is not None:
                self.health.count("reconnects")
            self._connection = psycopg.connect(
                self._url, connect_timeout=CONNECT_SECONDS, autocommit=True, **KEEPALIVE
            )
            self._connection.execute(f"SET statement_timeout = {GIVE_UP_MS}")
            make_mirror(self._connection)
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _let_go(self) -> None:
        with self._lock:
            self._drop()

    def _tell(self, *, ready: bool, told: str) -> None:
        self.health.ready, self.health.told = ready, told


def make_mirror(connection: psycopg.Connection[Any]) -> None:
    """Make the tables of a mirror, or bring older ones up to date.

    Raises:
        LedgerError: they are of a newer schema.
        psycopg.Error: the server does not let us.
    """
    scripts = migrations("postgresql")
    with connection.transaction():
        connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        connection.execute("CREATE TABLE IF NOT EXISTS blemish_schema (version int PRIMARY KEY)")
        (version,) = _one(connection, "SELECT coalesce(max(version), 0) FROM blemish_schema")
        if version > len(scripts):
            raise LedgerError(
                f"The mirror has schema {version}, this blemish knows up to {len(scripts)}; "
                "update blemish."
            )
        for number, script in enumerate(scripts[version:], start=version + 1):
            connection.execute(script)
            connection.execute("INSERT INTO blemish_schema VALUES (%s)", [number])


def mirror(connection: psycopg.Connection[Any], rows: Sequence[Row], ledger: Ledger) -> int:
    """Copy rows that follow each other, and what is missing before them, in one transaction.

    Args:
        connection: to a mirror, in autocommit.
        rows: of the ledger, in order.
        ledger: gives what the mirror lacks before them.

    Returns:
        How many rows were copied; those that are there already are not.

    Raises:
        LedgerError: the mirror is of another ledger, or rows that it lacks are archived.
        psycopg.Error: the server is away.
    """
    copied = 0
    with connection.transaction():
        connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        last, before = _end(connection, ledger)
        _check_same(last, before, ledger)
        while last < rows[0].number - 1:
            missing = ledger.after(last, most=min(FILLED, rows[0].number - 1 - last))
            before = _copy(connection, missing, last, before)
            last, copied = missing[-1].number, copied + len(missing)
        new = [row for row in rows if row.number > last]
        _copy(connection, new, last, before)
    return copied + len(new)


def _end(connection: psycopg.Connection[Any], ledger: Ledger) -> tuple[int, bytes]:
    """The last row of a mirror; of an empty one, what its first row follows."""
    found = _one(connection, LAST) or _one(connection, ANCHOR)
    if found is not None:
        return found[0], bytes(found[1])
    anchor = ledger.anchor()
    if anchor.number:
        values = [anchor.number, bytes.fromhex(anchor.sha256)]
        connection.execute("INSERT INTO blemish_anchor VALUES (%s, %s)", values)
    return anchor.number, bytes.fromhex(anchor.sha256)


def _check_same(last: int, before: bytes, ledger: Ledger) -> None:
    """Raise `LedgerError` where a mirror that ends so is not one of this ledger."""
    anchor, head = ledger.anchor(), ledger.head()
    if last > head.number:
        raise LedgerError(
            f"The mirror ends with row {last:,}, the ledger with row {head.number:,}: it was set "
            "back to an older one. Name an empty database or schema."
        )
    if last < anchor.number:
        raise LedgerError(
            f"The mirror ends with row {last:,}, and what follows up to row {anchor.number:,} is "
            "archived. Name an empty database or schema."
        )
    row = ledger.row(last)
    if before.hex() != (anchor.sha256 if row is None else row.sha256):
        raise LedgerError(
            f"The mirror is not of this ledger: its row {last:,} is another one. Name an empty "
            "database or schema."
        )


def _copy(
    connection: psycopg.Connection[Any], rows: Sequence[Row], last: int, before: bytes
) -> bytes:
    """Copy rows that come next. Returns the hash of the last one."""
    names = ", ".join((*COLUMNS, "sha256"))
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY blemish_row ({names}) FROM STDIN") as copy,
    ):
        for number, row in enumerate(rows, start=last + 1):
            columns = columns_of(row.number, row.entry)
            sha256 = link(before, [v.encode() if isinstance(v, str) else v for v in columns])
            if row.number != number or sha256.hex() != row.sha256:
                raise LedgerError(f"Row {number:,} of the ledger does not follow in the mirror.")
            copy.write_row((number, row.entry.time, *columns[2:], sha256))
            before = sha256
    return before


def _one(connection: psycopg.Connection[Any], sql: str) -> Any:
    return connection.execute(sql).fetchone()


LAST = "SELECT number, sha256 FROM blemish_row ORDER BY number DESC LIMIT 1"
