"""Files: written whole (under a temporary name, synced, then renamed), and found below folders."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from blemish.errors import BlemishError, UsageError


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file, replacing one that is there. A link stays one: what it points to is written.

    Raises:
        BlemishError: the folder is missing or cannot be written, the disk is full, or something is
            there that is no regular file; what was there before is still there.
    """
    data = content.encode() if isinstance(content, str) else content
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with looking_at(path):
        if target.exists() and not target.is_file():
            raise BlemishError(f"Cannot write '{path}': it is no regular file.")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise BlemishError(f"Cannot write '{path}': {error.strerror}.") from error
        raise


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
        raise UsageError(f"'{path}' exists; name another output, or replace it with --force.")


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
