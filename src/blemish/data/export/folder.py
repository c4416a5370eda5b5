"""A folder that is written as a whole or not at all, and replaced only where it was written so."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blemish.errors import BlemishError, UsageError
from blemish.files import looking_at, make_folder, temporary_beside

MARK = ".blemish-export.json"  # hidden: it is no part of what is exported


@contextmanager
def written_whole(
    folder: Path, what: str, sources: Iterable[Path], *, force: bool
) -> Iterator[Path]:
    """A new folder to write to, which has the name asked for once the block has ended.

    Args:
        folder: to be.
        what: it holds, for who looks.
        sources: what is read, which must not be replaced by this.
        force: whether to replace a folder that was written so.

    Raises:
        UsageError: something is there that may not be replaced, or the folder lies among what is
            read or holds it.
        BlemishError: it cannot be written.
    """
    _check_apart(folder, sources)
    _check_free(folder, force=force)
    make_folder(folder.parent)
    unfinished = temporary_beside(folder)
    try:
        unfinished.mkdir()
        (unfinished / MARK).write_text(json.dumps({"exported": "blemish", "format": what}) + "\n")
        yield unfinished
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    except OSError as error:
        raise BlemishError(f"Cannot write '{folder}': {error.strerror or error}.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_apart(folder: Path, sources: Iterable[Path]) -> None:
    target = Path(os.path.realpath(folder))
    with looking_at(folder):
        for source in sources:
            real = Path(os.path.realpath(source))
            if real.is_relative_to(target):
                raise UsageError(
                    f"'{folder}' holds what is to be exported ('{source}'); name another folder."
                )
            if real.is_dir() and target.is_relative_to(real):
                raise UsageError(
                    f"'{folder}' lies within '{source}', where it would be taken for a part of the "
                    "data; name a folder elsewhere."
                )


def _check_free(folder: Path, *, force: bool) -> None:
    with looking_at(folder):
        there, ours = os.path.lexists(folder), (folder / MARK).is_file()
    if there and not ours:
        raise UsageError(f"'{folder}' exists and is no export of blemish; name another folder.")
    if there and not force:
        raise UsageError(f"'{folder}' exists; name another folder, or replace it with force=True.")
