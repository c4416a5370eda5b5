"""Outputs are looked at before the work starts, so that no result is made that cannot be kept."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from blemish.errors import BlemishError, UsageError
from blemish.files import refuse_existing
from blemish.report.cells import bytes_text


def check_file(path: Path, *, force: bool) -> None:
    """Make sure that a file can be written.

    Raises:
        UsageError: it is there already and may not be replaced, is a folder, or has no folder.
        BlemishError: its folder cannot be written to.
    """
    if path.is_dir():
        raise UsageError(f"'{path}' is a folder; name a file to write.")
    refuse_existing(path, force=force)
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder '{path.parent}'; make it first, or name another.")
    _check_writable(path.parent)


def check_folder(path: Path, *, force: bool) -> None:
    """Make a folder where there is none, and make sure that files can be written to it.

    Raises:
        UsageError: it holds something already that may not be replaced, or is a file.
        BlemishError: it cannot be made, or not be written to.
    """
    if path.exists() and not path.is_dir():
        raise UsageError(f"'{path}' is a file; name a folder to write to.")
    make_folder(path)
    if any(path.iterdir()) and not force:
        raise UsageError(
            f"'{path}' is not empty; name another folder, or write into it with --force."
        )
    _check_writable(path)


def check_space(path: Path, needed_bytes: int) -> None:
    """Raise `BlemishError` where the disk has no room for a file of that size."""
    free_bytes = shutil.disk_usage(path.parent).free
    if free_bytes < needed_bytes:
        raise BlemishError(
            f"'{path}' will need {bytes_text(needed_bytes)}, but its disk has "
            f"{bytes_text(free_bytes)} free; make room, or write to another."
        )


def make_folder(path: Path) -> None:
    """Make a folder and those around it. Raises `BlemishError` where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BlemishError(f"Cannot make folder '{path}': {error.strerror}.") from error


def _check_writable(folder: Path) -> None:
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise BlemishError(f"Cannot write to folder '{folder}': {error.strerror}.") from error
