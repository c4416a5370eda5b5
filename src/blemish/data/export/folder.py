"""A folder that is written as a whole or not at all, and replaced only where it was written so.

A hidden file in it lists what was written, with hashes: what a person has added or changed since
is never taken away.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blemish.data.folder import JUNK_FILES
from blemish.errors import BlemishError, UsageError
from blemish.files import looking_at, make_folder, temporary_beside
from blemish.wording import first_few

MARK = ".blemish-export.json"  # hidden: it is no part of what is exported
FROM_SYSTEMS = JUNK_FILES | {".ds_store"}  # that nobody misses
MOST_NAMES = 5


@contextmanager
def written_whole(
    folder: Path, what: str, sources: Iterable[Path], *, force: bool
) -> Iterator[Path]:
    """A new folder to write to, which has the name asked for once the block has ended.

    Args:
        folder: to be.
        what: it holds, for who looks.
        sources: what is read, which must not be replaced by this.
        force: whether to replace a folder that was written so, and that nobody has touched since.

    Raises:
        UsageError: something is there that may not be replaced, or the folder lies among what is
            read or holds it. A folder without anything in it is as good as none.
        BlemishError: it cannot be written.
    """
    _check_apart(folder, sources)
    _check_free(folder, force=force)
    make_folder(folder.parent)
    unfinished = temporary_beside(folder)
    try:
        unfinished.mkdir()
        yield unfinished
        mark = {"exported": "blemish", "format": what, "files": _contents(unfinished)}
        (unfinished / MARK).write_text(json.dumps(mark) + "\n")
        if folder.exists():
            _check_free(folder, force=force)  # again: writing has taken its time
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
        link, there, ours = folder.is_symlink(), folder.exists(), (folder / MARK).is_file()
        inside = there and Path.cwd().is_relative_to(folder.resolve())
        empty = there and folder.is_dir() and not any(folder.iterdir())
    if link or inside:
        what = "is a link" if link else "is the folder that you are in"
        raise UsageError(f"'{folder}' {what}, which cannot be replaced; name another folder.")
    if not there or empty:
        return
    if not ours:
        raise UsageError(f"'{folder}' exists and is no export of blemish; name another folder.")
    if not force:
        raise UsageError(f"'{folder}' exists; name another folder, or replace it with force=True.")
    touched = _touched(folder)
    if touched:
        names = first_few([f"'{name}'" for name in touched], MOST_NAMES)
        raise UsageError(
            f"'{folder}' holds what was added or changed since it was exported: {names}; name "
            "another folder, or move that out of there."
        )


def _touched(folder: Path) -> list[str]:
    """What is in an export and was not written by it, or is no longer as it was written."""
    with looking_at(folder):
        there = _contents(folder)
    try:
        files = json.loads((folder / MARK).read_text(encoding="utf-8"))["files"]
        written = dict(files)
    except (OSError, ValueError, TypeError, KeyError):
        written = {}
    return sorted(name for name, content in there.items() if written.get(name) != content)


def _contents(folder: Path) -> dict[str, str]:
    """The hash of each file below a folder, of a link where it leads to, by its path."""
    found = {}
    for parent, folders, names in os.walk(folder):
        for name in (*names, *(one for one in folders if Path(parent, one).is_symlink())):
            path = Path(parent, name)
            below = path.relative_to(folder).as_posix()
            if below != MARK and name.lower() not in FROM_SYSTEMS:
                found[below] = _content(path)
    return found


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
