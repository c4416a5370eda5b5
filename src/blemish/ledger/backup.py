"""A copy of a ledger while it is written: one file, as it was at a moment, looked through."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from blemish.errors import LedgerError
from blemish.files import sync_folder, temporary_beside
from blemish.ledger.audit import audit
from blemish.ledger.database import DURABLE, connect_to_read, telling
from blemish.ledger.reader import Head


def back_up(ledger: Path, path: Path) -> Head:
    """Copy a ledger; what is at `path` is replaced once the copy is whole.

    Args:
        ledger: its file; a station may write it meanwhile.
        path: of the copy.

    Returns:
        The last row of the copy.

    Raises:
        LedgerError: there is no ledger, its rows are not as they were written, or the copy cannot
            be.
    """
    temporary = temporary_beside(path)
    try:
        with (
            closing(connect_to_read(ledger)) as source,
            telling(path),
            closing(sqlite3.connect(temporary, isolation_level=None)) as target,
        ):
            target.executescript(DURABLE)
            source.backup(target)  # in one go: who copies page by page begins anew at each append
            target.execute("PRAGMA journal_mode = DELETE")  # no files beside it
        found = audit([str(temporary)], beginning="archived")
        if found.fault is not None:
            raise LedgerError(f"'{ledger}' is not as it was written: {found.fault.what}")
        temporary.replace(path)
        sync_folder(path.absolute().parent)
    except OSError as error:
        raise LedgerError(f"Cannot write '{path}': {error.strerror}.") from error
    finally:
        for name in (temporary.name, f"{temporary.name}-journal"):
            temporary.with_name(name).unlink(missing_ok=True)
    return found.head
