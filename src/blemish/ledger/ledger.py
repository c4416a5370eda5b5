"""The ledger: an append-only record in one SQLite file. What it acknowledged is on the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Self

from blemish.errors import LedgerError
from blemish.files import sync_folder
from blemish.ledger.chain import COLUMNS, START, link
from blemish.ledger.columns import columns_of, row_of
from blemish.ledger.database import connect_to_write, hold, telling
from blemish.ledger.entry import Entry, Row
from blemish.ledger.reader import HEAD, PAGE, SELECT, Head, Reader

CHECKED = 1000  # rows at the end, whose chain is checked when a ledger is opened
NONE: Mapping[str, str] = MappingProxyType({})
_INSERT = f"INSERT INTO row VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"
_TAKE_OUT = """
DELETE FROM row WHERE number IN (SELECT number FROM row WHERE number <= ? ORDER BY number LIMIT ?)
"""
_MARK = "INSERT INTO mark VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class Ledger(Reader):
    """A ledger to write: one process, one object, any thread.

    Reading never waits for a thread that writes, and sees what was acknowledged.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._writer: sqlite3.Connection
        self._lock = Lock()
        self._connections = ExitStack()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a ledger, or make it where there is none; its folder must be there.

        Raises:
            LedgerError: it is damaged, of a newer schema, no ledger at all, or written by another.
        """
        ledger = cls(path)
        try:
            ledger._connections.enter_context(closing(hold(path)))
            ledger._writer = ledger._connections.enter_context(closing(connect_to_write(path)))
            sync_folder(path.absolute().parent)  # the names of files that are new
            ledger._check_end()
        except BaseException:
            ledger.close()
            raise
        return ledger

    def append(self, entries: Sequence[Entry], *, marks: Mapping[str, str] = NONE) -> list[Row]:
        """Append entries in one transaction, all or none; durable when it returns.

        Args:
            entries: in their order. One whose key a row has already gives that row, with
                `new=False`, and changes nothing.
            marks: small texts to replace in the same transaction.

        Returns:
            The row of each entry.

        Raises:
            UsageError: an entry has a value that cannot be kept.
            LedgerError: the disk is full or fails; nothing of this is in the ledger.
        """
        with self._writing() as writer:
            rows = _append(writer, entries)
            writer.executemany(_MARK, marks.items())
        return rows

    def set_marks(self, marks: Mapping[str, str]) -> None:
        """Replace small texts beside the chain, all or none; durable when it returns."""
        self.append([], marks=marks)

    def let_go(self, archived: Head, entry: Entry) -> Row:
        """Take out the oldest rows, once they are in an archive: see `retention.archive`.

        Args:
            archived: the last row that goes; the chain goes on from there.
            entry: that tells of it.

        Raises:
            LedgerError: that row is none of this ledger, or the disk fails.
        """
        with self._writing() as writer:
            anchor = (archived.number, bytes.fromhex(archived.sha256))
            found = writer.execute(f"{SELECT} WHERE number = ?", [archived.number]).fetchone()
            if found is None or found[-1] != anchor[1]:
                raise LedgerError(f"Row {archived.number:,} is not the one that was archived.")
            (row,) = _append(writer, [entry])
            writer.execute("INSERT INTO anchor VALUES (?, ?, ?)", [*anchor, found[1]])
        self.take_out_archived()
        return row

    def take_out_archived(self) -> None:
        """Take out what is in an archive, some rows at a time: others append meanwhile."""
        last, gone = self.anchor().number, 1
        while gone:
            with self._writing() as writer:
                gone = writer.execute(_TAKE_OUT, [last, PAGE]).rowcount

    def close(self) -> None:
        """Let go of the file, once a thread that writes has ended."""
        with self._lock:
            super().close()
            self._connections.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, which is durable once the block has ended, or undone."""
        with self._lock:
            if self._closed.is_set():
                raise LedgerError(f"'{self.path}' is closed.")
            with telling(self.path):
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                    self._writer.execute("COMMIT")
                except BaseException:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    raise

    def _check_end(self) -> None:
        """Raise `LedgerError` where one of the last rows does not follow the one before."""
        with telling(self.path):
            found = self._writer.execute(
                f"{SELECT} ORDER BY number DESC LIMIT ?", [CHECKED + 1]
            ).fetchall()
        for (*columns, sha256), (*_, before) in pairwise(found):
            if _linked(before, columns) != sha256:
                raise LedgerError(
                    f"'{self.path}' is damaged: row {columns[0]:,} does not follow the one before. "
                    "'blemish audit' tells which rows stand; restore a backup, or go on with "
                    "another ledger."
                )


def _append(writer: sqlite3.Connection, entries: Sequence[Entry]) -> list[Row]:
    """Append within a transaction."""
    found = writer.execute(HEAD).fetchone()
    number, before = (0, START) if found is None else found[:2]
    rows = []
    for entry in entries:
        known = None if entry.key is None else _known(writer, entry.key)
        if known is not None:
            rows.append(known)
            continue
        number += 1
        columns = columns_of(number, entry)
        before = _linked(before, columns)
        writer.execute(_INSERT, (*columns, before))
        rows.append(row_of(columns, before, new=True))
    return rows


def _known(writer: sqlite3.Connection, key: str) -> Row | None:
    found = writer.execute(f"{SELECT} WHERE key = ?", [key]).fetchone()
    return None if found is None else row_of(found[:-1], found[-1], new=False)


def _linked(before: bytes, columns: Sequence[object]) -> bytes:
    return link(before, [value.encode() if isinstance(value, str) else value for value in columns])
