"""The file of a ledger: opened as it must be for what is acknowledged to last, and held by one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from blemish.errors import LedgerError
from blemish.files import looking_at

APPLICATION = 0x424C4544  # "BLED", in the header of the file
BUSY_SECONDS = 10.0  # for another program that looks at the file, a backup for instance

# A commit returns once the disk has it; `fullfsync` is what that takes on macOS.
DURABLE = """
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA recursive_triggers = ON;
"""


def migrations(database: str) -> list[str]:
    """The scripts that make the schema, in order. `database` is sqlite or postgresql."""
    folder = resources.files("blemish.ledger") / "schema"
    names = sorted(path.name for path in folder.iterdir() if path.name.startswith(f"{database}-"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def hold(path: Path) -> sqlite3.Connection:
    """Keep other processes from writing a ledger until the connection is closed, or this one ends.

    The lock is one of SQLite's, on an empty file beside the ledger, so that whoever only reads is
    not kept out.

    Raises:
        LedgerError: another holds it.
    """
    target = Path(os.path.realpath(path))  # a link and what it points to are one ledger
    with telling(path):
        lock = sqlite3.connect(
            target.with_name(f"{target.name}-lock"),
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
        )
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise LedgerError(f"Cannot write beside '{path}' ({error}).") from error
        raise LedgerError(
            f"'{path}' is written by another process; end that one, or name another ledger."
        ) from error
    return lock


def connect_to_write(path: Path) -> sqlite3.Connection:
    """The one connection that writes; makes the file, and brings an older one up to date.

    Raises:
        LedgerError: it is no ledger, is damaged, of a newer schema, or cannot be written.
    """
    with telling(path):
        connection = _connect(f"{_uri(path)}?mode=rwc")
        try:
            _check_ours(connection, path, empty=True)
            connection.executescript(DURABLE)
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise LedgerError(f"'{path}' lies on a disk that SQLite cannot write safely.")
            make_schema(connection)
        except BaseException:
            connection.close()
            raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that only reads, while another process may write.

    It may write as far as the system is concerned: SQLite then takes away the files that it lays
    beside the ledger. In a folder that may not be written the file is read as it is.

    Raises:
        LedgerError: there is none, it is no ledger, or of a newer schema.
    """
    with looking_at(path):
        if not path.is_file():
            raise LedgerError(f"There is no ledger '{path}'.")
        log = path.with_name(f"{path.name}-wal").exists()
    with telling(path):
        try:
            return _reading(path, "mode=rw")
        except sqlite3.OperationalError:
            if log:
                raise
            return _reading(path, "immutable=1")


def _reading(path: Path, how: str) -> sqlite3.Connection:
    connection = _connect(f"{_uri(path)}?{how}")
    try:
        connection.execute("PRAGMA query_only = ON")
        _check_ours(connection, path, empty=False)
    except BaseException:
        connection.close()
        raise
    return connection


def make_schema(connection: sqlite3.Connection) -> None:
    """Make the schema in an empty file, or bring an older one up to date."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(migrations("sqlite"), start=1):
        if number > version:
            with closing(connection.cursor()) as cursor:
                cursor.executescript(
                    f"BEGIN IMMEDIATE; {script} PRAGMA application_id = {APPLICATION}; "
                    f"PRAGMA user_version = {number}; COMMIT;"
                )


def attach(connection: sqlite3.Connection, path: Path, name: str) -> None:
    """Let a connection read from a ledger, too."""
    connection.execute(f"ATTACH ? AS {name}", [f"{_uri(path)}?mode=ro"])


def schema_problem(connection: sqlite3.Connection) -> str | None:
    """What is not as the migrations made it: a trigger that is gone, for instance."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        make_schema(fresh)
        meant = _schema(fresh)
    found = _schema(connection)
    changed = sorted(name for name in meant | found if meant.get(name) != found.get(name))
    return f"its schema was changed: {', '.join(changed)}" if changed else None


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Tell of what SQLite says in a sentence: `LedgerError`."""
    try:
        yield
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        said = {
            sqlite3.SQLITE_FULL: "its disk is full; make room",
            sqlite3.SQLITE_NOTADB: "it is no ledger",
            sqlite3.SQLITE_CORRUPT: f"it is damaged ({error}); restore a backup",
            sqlite3.SQLITE_CANTOPEN: "it cannot be opened; its folder must be there and ours",
            sqlite3.SQLITE_READONLY: "it may not be written",
            sqlite3.SQLITE_IOERR: f"its disk fails ({error})",
        }.get(code, str(error))
        raise LedgerError(f"'{path}': {said}.") from error


def _uri(path: Path) -> str:
    return f"file:{quote(str(path.absolute()))}"


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def _check_ours(connection: sqlite3.Connection, path: Path, *, empty: bool) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if empty and not (application or version or objects):
        return
    if application != APPLICATION:
        raise LedgerError(f"'{path}' is no ledger.")
    known = len(migrations("sqlite"))
    if version > known:
        raise LedgerError(
            f"'{path}' has schema {version}, this blemish knows up to {known}; update blemish."
        )


def _schema(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
