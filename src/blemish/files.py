"""Files: written whole (under a temporary name, synced, then renamed), and found below folders."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from blemish.errors import BlemishError, UsageError
from blemish.names import shown

LONGEST_NAME_BYTES = 200  # of the target in a temporary name, so that a long one still fits
TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.tmp", re.DOTALL)
TAIL = 20  # characters of a temporary name that differ: 16 digits and `.tmp`
ABANDONED_SECONDS = 3600.0  # no write takes so long
NO_SUCH_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}  # where folders cannot be synced


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file, replacing one that is there. A link stays one: what it points to is written.

    Text is written as UTF-8, with names of files as `shown`.

    Whoever reads meanwhile, or writes the same file from another thread, process or container,
    finds one content or another, never a mixture. When this returns the file survives a power cut.
    Permissions stay those of the file that was there; a new one gets what `open` would give it. A
    process that is killed leaves its hidden temporary file behind: see `take_away_temporaries`.

    Raises:
        BlemishError: the folder is missing or cannot be written, the disk is full, or something is
            there that is no regular file; what was there before is still there.
    """
    data = shown(content).encode() if isinstance(content, str) else content
    with writing_whole(path) as stream:
        stream.write(data)


@contextmanager
def writing_whole(path: Path) -> Iterator[IO[bytes]]:
    """The same for content that comes in pieces: the file is there once the block has ended."""
    target = Path(os.path.realpath(path))
    with looking_at(path):
        if target.exists() and not target.is_file():
            raise BlemishError(f"Cannot write '{path}': it is no regular file.")
    temporary = temporary_beside(target)
    try:
        with temporary.open("xb") as stream:
            with suppress(OSError):  # there was none, or its disk knows no permissions
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
        sync_folder(target.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise BlemishError(f"Cannot write '{path}': {error.strerror}.") from error
        raise


def write_new(path: Path, content: str) -> bool:
    """Write a file where there is none, whole; of several that try at once, one does.

    Returns:
        Whether it was written; `False` where there is one.

    Raises:
        BlemishError: as `write_whole`.
    """
    target = Path(os.path.realpath(path))
    temporary = temporary_beside(target)
    write_whole(temporary, content)
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError:  # a disk without links
        temporary.replace(target)
    finally:
        with suppress(OSError):
            temporary.unlink()
    return True


def sync_folder(folder: Path) -> None:
    """Make sure that the names of files in a folder survive a power cut, where that can be had.

    Raises:
        OSError: the disk fails.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows, or a folder that may be written but not listed
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SUCH_SYNC:
            raise
    finally:
        os.close(descriptor)


def take_away_temporaries(folder: Path, *, of: str | None = None, seconds: float = 0) -> None:
    """Take away what writers that were killed left half written.

    Args:
        folder: where they wrote.
        of: name of the file that they wrote; by default any.
        seconds: only what has not been touched for so long: somebody may be at work on the rest.
    """
    start = None if of is None else _stem(of)
    now = time.time()
    with suppress(OSError):  # it will be taken away another time
        for path in folder.iterdir():
            ours = is_temporary(path.name) and (start is None or path.name[:-TAIL] == start)
            if ours and now - path.lstat().st_mtime >= seconds:
                path.unlink(missing_ok=True)


def is_temporary(name: str) -> bool:
    """Whether a file of this name is one that a writer has not finished, or never will."""
    return TEMPORARY.fullmatch(name) is not None


@contextmanager
def held(place: Path, *, busy: str) -> Iterator[None]:
    """Keep a folder or file from others that hold it, too; the system lets go of it at their end.

    Where a system has no such locks, on Windows and some network disks, nothing is held. A file may
    be replaced by who holds it: from then on others may hold the new one, which is whole.

    Args:
        place: that is there.
        busy: what to say where another process holds it.

    Raises:
        BlemishError: another process holds it, or it cannot be opened.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with looking_at(place):
        descriptor = os.open(place, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlemishError(busy) from error
        except OSError:
            pass
        with looking_at(place):
            replaced = not os.path.samestat(os.fstat(descriptor), place.stat())
        if replaced:  # by another, just before it let go of it
            raise BlemishError(busy)
        yield
    finally:
        os.close(descriptor)


def temporary_beside(target: Path) -> Path:
    """A hidden name beside a file or folder that no other process, here or elsewhere, comes by."""
    return target.with_name(f"{_stem(target.name)}{secrets.token_hex(8)}.tmp")


def _stem(name: str) -> str:
    """What names of temporary files for a file begin with: a dot, so that they are hidden."""
    return f".{os.fsencode(name)[:LONGEST_NAME_BYTES].decode(errors='ignore')}."


def append_block(file: IO[bytes], data: memoryview, *, what: str) -> None:
    """Append to a temporary file.

    Args:
        file: as `tempfile.TemporaryFile` gives it.
        data: to append.
        what: it is, in the plural, for the error.

    Raises:
        BlemishError: it cannot be written; what to do about it.
    """
    try:
        file.write(data)
        file.flush()
    except OSError as error:
        raise BlemishError(
            f"Cannot write {what} to a temporary file in '{tempfile.gettempdir()}': "
            f"{error.strerror}; make room, or name another folder (TMPDIR)."
        ) from error


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raise `UsageError` where an output is there already, unless it may be replaced.

    A link to nothing is something, too, and what is no regular file is never replaced.
    """
    with looking_at(path):
        there, replaceable = path.exists(), path.is_file()
        link = path.is_symlink()
    if there and not replaceable:
        raise UsageError(f"'{path}' is no regular file; name another output.")
    if (there or link) and not force:
        raise UsageError(f"'{path}' exists; name another output, or replace it with force=True.")


def make_folder(path: Path) -> None:
    """Make a folder and those around it. Raises `BlemishError` where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BlemishError(f"Cannot make folder '{path}': {error.strerror}.") from error


@contextmanager
def looking_at(path: Path) -> Iterator[None]:
    """Tell in one sentence that the system does not let a path be looked at: `BlemishError`."""
    try:
        yield
    except OSError as error:
        raise BlemishError(f"Cannot look at '{path}': {error.strerror or error}.") from error


def files_below(top: Path, *, enter: Callable[[Path], bool]) -> Iterator[Path]:
    """All files below a folder, through links, each folder once: a loop of links comes to an end.

    Args:
        top: where to begin.
        enter: whether to look into a folder.

    Raises:
        OSError: a folder cannot be listed.
    """
    seen: set[str] = set()
    waiting = [top]  # links come last, so that a file goes by its own path where it has one
    for start in waiting:
        for parent, folders, names in os.walk(start, onerror=_fail):
            real = os.path.realpath(parent)
            known = real in seen
            seen.add(real)
            if known:
                folders.clear()
                continue
            folders[:] = sorted(name for name in folders if enter(Path(parent, name)))
            waiting += [Path(parent, name) for name in folders if Path(parent, name).is_symlink()]
            yield from (Path(parent, name) for name in names)


def _fail(error: OSError) -> None:
    raise error
