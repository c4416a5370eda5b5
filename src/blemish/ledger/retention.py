"""Old rows go to an archive; the chain goes on from an anchor, so that both are audited together.

An archive is a ledger of its own that nobody writes any more: one SQLite file, from the anchor
before to the next one.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from blemish.errors import LedgerError
from blemish.files import refuse_existing, sync_folder, temporary_beside
from blemish.ledger.audit import audit
from blemish.ledger.chain import COLUMNS
from blemish.ledger.database import DURABLE, attach, make_schema, telling
from blemish.ledger.entry import Entry, Kind
from blemish.ledger.ledger import Ledger
from blemish.ledger.reader import Head

CURSORS = "forwarder/"  # names of marks that say up to which row it was handed on


def archive(ledger: Ledger, path: Path, *, before: datetime, who: str | None = None) -> Head | None:
    """Move rows that are older to an archive, and tell of it in the ledger.

    Rows stay that a forwarder has not handed on yet. A station may append meanwhile.

    Args:
        ledger: opened to be written.
        path: of the archive, a new file.
        before: rows before the first one that is not older go; aware.
        who: does it.

    Returns:
        The last row that went; `None` where none did.

    Raises:
        UsageError: something is at `path`.
        LedgerError: the rows are not as they were written, or a disk fails; all of them are still
            in the ledger.
    """
    refuse_existing(path, force=False)
    ledger.take_out_archived()  # where that was ended in the middle
    last = _last_to_go(ledger, before)
    if last is None:
        return None
    temporary = temporary_beside(path)
    try:
        with telling(path):
            _copy(ledger, temporary, last.number)
        found = audit([str(temporary)], beginning="any")
        if found.fault is not None or found.head != last:
            what = "it is not whole" if found.fault is None else found.fault.what
            raise LedgerError(f"'{path}' is not kept, and no row goes: {what}")
        temporary.rename(path)
        sync_folder(path.absolute().parent)
    except OSError as error:
        raise LedgerError(f"Cannot write '{path}': {error.strerror}.") from error
    finally:
        temporary.unlink(missing_ok=True)
    body = {"act": "archive", "first": found.first, "last": last.number} | {
        "sha256": last.sha256, "file": path.name,
    }  # fmt: skip
    ledger.let_go(last, Entry(Kind.ACT, datetime.now(UTC), body, who=who))
    return last


def kept_back(ledger: Ledger) -> dict[str, int]:
    """Forwarders, and the row up to which each has handed on."""
    cursors = ledger.marks(CURSORS).items()
    return {name.removeprefix(CURSORS): int(value) for name, value in cursors if value.isdecimal()}


def _last_to_go(ledger: Ledger, before: datetime) -> Head | None:
    newer = ledger.first_since(before)
    last = ledger.head().number if newer is None else newer - 1
    last = min(last, *kept_back(ledger).values()) if kept_back(ledger) else last
    row = ledger.row(last)
    return None if row is None else Head(row.number, row.sha256, row.entry.time)


def _copy(ledger: Ledger, path: Path, last: int) -> None:
    """Rows up to the last one, and the anchor before them, into a new file, durably."""
    names = ", ".join((*COLUMNS, "sha256"))
    with closing(sqlite3.connect(path, isolation_level=None, uri=True)) as connection:
        connection.executescript(DURABLE)
        make_schema(connection)
        attach(connection, ledger.path, "source")
        connection.execute("BEGIN")
        connection.execute(
            "INSERT INTO anchor SELECT * FROM source.anchor WHERE number < ?", [last]
        )
        connection.execute(
            f"INSERT INTO row ({names}) SELECT {names} FROM source.row "
            "WHERE number <= ? ORDER BY number",
            [last],
        )
        connection.execute("COMMIT")
