"""Outputs are looked at before the work starts, so that no result is made that cannot be kept."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from blemish.cli import console
from blemish.errors import BlemishError, UsageError
from blemish.files import (
    ABANDONED_SECONDS,
    looking_at,
    make_folder,
    refuse_existing,
    take_away_temporaries,
)
from blemish.unfinished import is_kept, read_claim
from blemish.wording import bytes_text


def check_file(path: Path, *, force: bool, sources: Iterable[Path] = ()) -> None:
    """Make sure that a file can be written.

    Args:
        path: of the file; where it is a link, what it points to will be written.
        force: whether it may replace what is there.
        sources: what the work reads, and so must not be replaced.

    Raises:
        UsageError: it is there already and may not be replaced, is no file, or has no folder.
        BlemishError: its folder cannot be looked at or written to.
    """
    with looking_at(path):
        target = Path(os.path.realpath(path))
        if any(target == Path(os.path.realpath(source)) for source in sources if source.exists()):
            raise UsageError(f"'{path}' is what this command reads; name another output.")
        if path.is_dir():
            raise UsageError(f"'{path}' is a folder; name a file to write.")
        refuse_existing(path, force=force)
        if not target.parent.is_dir():
            raise UsageError(f"There is no folder '{path.parent}'; make it first, or name another.")
    _check_writable(target.parent)
    take_away_temporaries(target.parent, of=target.name, seconds=ABANDONED_SECONDS)


def check_folder(path: Path, *, force: bool) -> None:
    """Make a folder where there is none, and make sure that files can be written to it.

    Raises:
        UsageError: it holds something already that may not be replaced, or is a file.
        BlemishError: it cannot be made, or not be written to.
    """
    with looking_at(path):
        if path.exists() and not path.is_dir():
            raise UsageError(f"'{path}' is a file; name a folder to write to.")
        make_folder(path)
        if any(path.iterdir()) and not force:
            raise UsageError(
                f"'{path}' is not empty; name another folder, or write into it with --force."
            )
    _check_writable(path)


def check_unfinished(path: Path, *, resume: bool) -> Path:
    """The folder in which the fit of a model file is kept until it is done.

    Whether what is there belongs to the fit at hand is looked at when it begins.

    Args:
        path: of the model file.
        resume: whether to go on with what is there.

    Raises:
        UsageError: something is there, and nobody asked to go on with it. `--force` is for the
            model file: hours of work are never thrown away in passing.
    """
    folder = _unfinished(path)
    there = is_kept(folder)
    if resume and not there:
        console.note(f"There is no unfinished fit of '{path}': it begins anew.")
    if there and not resume:
        detector = read_claim(folder).get("detector")
        raise UsageError(
            f"'{folder}' holds an unfinished fit of {detector}; go on with it (--resume, with the "
            "same settings), delete it to begin anew, or name another output."
        )
    return folder


def check_not_done(path: Path) -> None:
    """Raise `UsageError` where a model file is there beside what was kept of a fit of it.

    A fit that was ended between writing the one and taking the other away leaves both.
    """
    with looking_at(path):
        both = path.exists() and is_kept(_unfinished(path))
    if both:
        raise UsageError(
            f"'{path}' is there, and '{_unfinished(path)}' holds a fit of it, too. Where that fit "
            "wrote the model and was ended then, all is done: delete the folder. Where it is to "
            "replace an older model, add --force."
        )


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.unfinished")


def check_space(path: Path, needed_bytes: int) -> None:
    """Raise `BlemishError` where the disk has no room for a file of that size."""
    with looking_at(path):
        free_bytes = shutil.disk_usage(Path(os.path.realpath(path)).parent).free
    if free_bytes < needed_bytes:
        raise BlemishError(
            f"'{path}' will need {bytes_text(needed_bytes)}, but its disk has "
            f"{bytes_text(free_bytes)} free; make room, or write to another."
        )


def _check_writable(folder: Path) -> None:
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise BlemishError(f"Cannot write to folder '{folder}': {error.strerror}.") from error
