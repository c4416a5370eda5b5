"""A folder as a data set sees it: without what is hidden, left by systems or written by blemish.

It is listed when somebody asks, once. What is an image is told by its suffix; nothing is opened.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from blemish.data.words import plain
from blemish.files import files_below
from blemish.images.read import IMAGE_SUFFIXES

JUNK_FOLDERS = frozenset({"__macosx", "@eadir", "$recycle.bin"})
JUNK_FILES = frozenset({"thumbs.db", "desktop.ini"})


class Folder:
    """A folder of a data set.

    Args:
        path: of the folder, which is there.

    Raises:
        OSError: of whatever asks for what is in it, where it cannot be listed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Folder) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path.name

    @cached_property
    def folders(self) -> tuple[Folder, ...]:
        """Folders right in it that can hold data, sorted."""
        return tuple(Folder(path) for path in self._listed[0] if holds_data(path))

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Files right in it, sorted."""
        return tuple(self._listed[1])

    @cached_property
    def all_files(self) -> tuple[Path, ...]:
        """Files in it and in all folders below, sorted; through links, each folder once."""
        below = files_below(self.path, enter=holds_data)
        return tuple(sorted(path for path in below if not _is_junk(path.name)))

    @property
    def names_below(self) -> set[str]:
        """Names of all folders below it that are looked into."""
        parents = {path.parent.relative_to(self.path) for path in self.all_files}
        return {part for parent in parents for part in parent.parts} | {
            folder.name for folder in self.folders
        }

    @cached_property
    def images(self) -> list[Path]:
        """Images right in it."""
        return [path for path in self.files if is_image(path)]

    @cached_property
    def all_images(self) -> list[Path]:
        """Images in it and in all folders below."""
        return [path for path in self.all_files if is_image(path)]

    @property
    def parent(self) -> Folder:
        """The folder that it lies in."""
        return Folder(self.path.absolute().parent)

    def folder(self, *names: str) -> Folder | None:
        """The first of these folders that is right in it, in whatever case it is written."""
        return next((folder for name in names for folder in self.folders_named(name)), None)

    def folders_named(self, *names: str) -> list[Folder]:
        """The folders right in it that bear one of these names, in whatever case."""
        wanted = {plain(name) for name in names}
        return [folder for folder in self.folders if plain(folder.name) in wanted]

    def below(self, *names: str) -> Folder | None:
        """The folder at the end of a path, in whatever case."""
        folder: Folder | None = self
        for name in names:
            folder = folder.folder(name) if folder else None
        return folder

    def file(self, name: str) -> Path | None:
        """The file of a name right in it, in whatever case it is written."""
        return next((path for path in self.files if path.name.lower() == name.lower()), None)

    def id_of(self, path: Path) -> str:
        """A path below it as an id: with forward slashes."""
        return path.relative_to(self.path).as_posix()

    @cached_property
    def _listed(self) -> tuple[list[Path], list[Path]]:
        folders, files = [], []
        with os.scandir(self.path) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders.append(self.path / entry.name)
                elif entry.is_file() and not _is_junk(entry.name):
                    files.append(self.path / entry.name)
        return sorted(folders), sorted(files)


def holds_data(folder: Path) -> bool:
    """Whether images in a folder are anybody's data."""
    name = folder.name
    hidden = name.startswith(".") or name.lower() in JUNK_FOLDERS
    return not hidden and not is_output(folder)


def is_output(folder: Path) -> bool:
    """Whether `blemish predict`, `benchmark` or `evaluate` wrote a folder: drawings are no data."""
    with suppress(OSError):  # one that cannot be looked into is told of where it is listed
        lines = ("predictions.jsonl", "_images.jsonl")
        return any((folder / name).is_file() for name in lines) or any(
            (folder / "records").glob("*.json")
        )
    return False


def is_image(path: Path) -> bool:
    """Whether a file is an image, by its suffix; a link to nothing is none."""
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in JUNK_FILES
