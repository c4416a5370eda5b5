"""Writing files whole: under a temporary name, synced, then renamed. Never half a file."""

from __future__ import annotations

import os
from pathlib import Path

from blemish.errors import BlemishError, UsageError


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file, replacing one that is there.

    Raises:
        BlemishError: the folder is missing or cannot be written, or the disk is full; what was
            there before is still there.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise BlemishError(f"Cannot write '{path}': {error.strerror}.") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raise `UsageError` where an output is there already, unless it may be replaced."""
    if path.exists() and not force:
        raise UsageError(f"'{path}' exists; name another output, or replace it with --force.")
