"""Which pictures a user means by the paths of files and folders, and names for their drawings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blemish.errors import DataError, UsageError, told_at_once


@dataclass(frozen=True)
class Picture:
    """A file to judge; `name` is its path below what all the paths have in common."""

    path: Path
    name: str


def find_pictures(paths: Sequence[Path]) -> list[Picture]:
    """The files that are named, and the pictures in the folders that are named, each once.

    Folders are searched to their depth, in the order of names, and hidden files are passed over. A
    file that is named is taken as it is, even where it is no picture or is not there: the model
    tells.

    Raises:
        DataError: a folder holds no picture.
    """
    roots = [path if path.is_dir() else path.parent for path in paths]
    found = {path: _in_folder(path) if path.is_dir() else [path] for path in paths}
    told_at_once(
        [f"Folder '{path}' holds no picture." for path, files in found.items() if not files],
        DataError,
    )
    top = _common_folder(roots)
    files = dict.fromkeys(file for group in found.values() for file in group)
    return [Picture(file, Path(os.path.relpath(file, top)).as_posix()) for file in files]


def _in_folder(folder: Path) -> list[Path]:
    from blemish.images.read import PICTURE_SUFFIXES

    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        wanted = (name for name in names if not name.startswith("."))
        files += [Path(parent, n) for n in wanted if Path(n).suffix.lower() in PICTURE_SUFFIXES]
    return sorted(files)


def _common_folder(roots: Sequence[Path]) -> str:
    try:
        return os.path.commonpath([root.absolute() for root in roots])
    except ValueError as error:  # different drives
        raise UsageError("Pictures from several drives cannot be judged at once.") from error
