"""Where the files of a manifest are, and what its images are called.

Paths are relative to the manifest's folder, or absolute. VisA's lists lie in a folder of their own
and begin at the one around it: where no file is there from the manifest's folder and all are from
its parent, they are taken from there. An image is called by its path below the manifest's folder,
or else below the one where paths begin; if some lie elsewhere, below the deepest folder that holds
all. So ids are the same on every machine that has the same folders.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from blemish.data.folder import holds_data
from blemish.data.manifest.told import Told
from blemish.errors import DataError
from blemish.files import files_below
from blemish.wording import counted, first_few

_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_LOCAL = re.compile(r"file://(?:localhost)?(?=/)", re.IGNORECASE)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Base:
    """The folder that relative paths begin at."""

    folder: Path
    _paths: dict[str, Path] = field(default_factory=dict, compare=False, repr=False)
    _listed: dict[str, dict[str, list[str]]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def at(self, text: str) -> Path:
        """The path that a text names, as the disk spells it.

        A letter with an accent is one character to most systems and two to macOS: where no file
        is there by the one, the one that is there by the other is taken.
        """
        if text not in self._paths:
            path = os.path.normpath(os.path.join(self.folder, text.replace("\\", "/")))  # noqa: PTH118
            if not path.isascii() and not is_file(Path(path)):
                path = self._respelt(path)
            self._paths[text] = Path(path)
        return self._paths[text]

    def with_paths(self, paths: Mapping[str, Path]) -> Base:
        """The same, where some texts name other paths than they say."""
        return Base(self.folder, {**self._paths, **paths}, self._listed)

    def _respelt(self, path: str) -> str:
        """A path with the names that its folders have for it, if each has just one; else itself."""
        whole = Path(path)
        place = whole.anchor
        for part in whole.relative_to(whole.anchor).parts:
            exact = os.path.join(place, part)  # noqa: PTH118
            if not part.isascii() and not os.path.lexists(exact):
                names = self._names(place).get(unicodedata.normalize("NFC", part), [])
                if len(names) != 1:
                    return path
                exact = os.path.join(place, names[0])  # noqa: PTH118
            place = exact
        return place

    def _names(self, folder: str) -> dict[str, list[str]]:
        """What is in a folder beyond ASCII, by its composed name."""
        if folder not in self._listed:
            found = self._listed.setdefault(folder, {})
            with suppress(OSError):
                for name in os.listdir(folder or "."):  # noqa: PTH208
                    if not name.isascii():
                        found.setdefault(unicodedata.normalize("NFC", name), []).append(name)
        return self._listed[folder]


def local_path(text: str) -> str:
    """The path that a `file:` address of this machine names; any other text as it is."""
    found = _LOCAL.match(text)
    if not found:
        return text
    path = unquote(text[found.end() :])
    return path[1:] if _OF_WINDOWS.match(path[1:]) else path


def trouble_of(text: str) -> str:
    """Why a text can be no path on this machine; empty where it can."""
    if "\0" in text or len(text.splitlines()) > 1:
        return f"must be one line; got {text!r}."
    if _ADDRESS.match(text):
        return f"must be a file on a disk; got the address '{text}'."
    if _OF_WINDOWS.match(text) and os.name != "nt":
        return (
            f"is an absolute path of Windows, '{text}', which means nothing on this machine; write "
            "it relative to the manifest's folder."
        )
    return ""


def is_file(path: Path) -> bool:
    """Whether a file is there; what cannot be looked at is not."""
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be entered
        return False


def find_base(folder: Path, texts: Collection[str], told: Told) -> Base:
    """Where relative paths begin: the manifest's folder, or its parent if all files are there."""
    here, around = Base(folder), Base(Path(os.path.normpath(folder / "..")))
    relative = [text for text in dict.fromkeys(texts) if not is_absolute(text)]
    missing = [text for text in relative if not is_file(here.at(text))]
    found = [text for text in missing if is_file(around.at(text))]
    if not found:
        return here
    if len(found) == len(relative):
        name = around.folder.resolve().name  # a note goes into records, which hold no place
        told.notes.append(
            f"Paths begin at '{name}', the folder around the manifest's: from the manifest's own "
            "they lead to no file."
        )
        return around
    told.problems.append(
        f"{len(found)} of {len(relative)} relative paths lead to a file from '{around.folder}' and "
        f"not from the manifest's folder, the others do not: {first_few(found, MOST_SHOWN)}; "
        "write all relative to the manifest's folder."
    )
    return here


def find_below(base: Base, texts: Collection[str], told: Told) -> tuple[Base, dict[str, str]]:
    """A base that finds a file by the end of its path, where none is at the path itself.

    Lists are written with bare names, and the images are in a folder beside.

    Returns:
        It, and by text what several files could be.
    """
    missing = [
        text
        for text in dict.fromkeys(texts)
        if not is_absolute(text) and not is_file(base.at(text))
    ]
    if not missing:
        return base, {}
    by_name: dict[str, list[Path]] = {}
    for path in files_below(base.folder, enter=holds_data):
        by_name.setdefault(_composed(path.name), []).append(path)
    found: dict[str, Path] = {}
    several: dict[str, str] = {}
    for text in missing:
        parts = tuple(map(_composed, PurePosixPath(text.replace("\\", "/")).parts))
        if not parts or ".." in parts:
            continue
        there = [
            path
            for path in by_name.get(parts[-1], ())
            if tuple(map(_composed, path.relative_to(base.folder).parts))[-len(parts) :] == parts
        ]
        if len(there) > 1:
            shown = [f"'{path.relative_to(base.folder).as_posix()}'" for path in sorted(there)]
            several[text] = f"any of {len(there)} files: {first_few(shown, MOST_SHOWN)}"
        elif there:
            found[text] = there[0]
    if found:
        text, path = next(iter(found.items()))
        of = counted(len(found), "file is found by its name", "files are found by their names")
        told.notes.append(
            f"{of} in a folder below: '{text}' is {path.relative_to(base.folder).as_posix()}."
        )
    return base.with_paths(found), several


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def is_absolute(text: str) -> bool:
    """Whether a path says where it is without another."""
    return Path(text.replace("\\", "/")).is_absolute()


def name_images(folders: Iterable[Path], images: Sequence[Path]) -> tuple[Path, list[str]]:
    """The folder that images are called by their paths below, the first that holds all, and these.

    Raises:
        DataError: they lie on several drives of Windows.
    """
    for root in folders:
        names = [_below(image, root) for image in images]
        if None not in names:
            return root, [name for name in names if name is not None]
    places = [os.path.abspath(image.parent) for image in images]  # noqa: PTH100 - links stay
    try:
        root = Path(os.path.commonpath(places))
    except ValueError as error:
        raise DataError(
            "Its images lie on several drives, so that nothing could name them on another "
            "machine; put them below one folder."
        ) from error
    pairs = zip(places, images, strict=True)
    return root, [(Path(place) / image.name).relative_to(root).as_posix() for place, image in pairs]


def _below(path: Path, root: Path) -> str | None:
    """A path below a folder, be it by way of links; `None` where it is elsewhere."""
    for whole in (os.path.abspath, os.path.realpath):
        place = Path(whole(path))
        if place.is_relative_to(whole(root)):
            return place.relative_to(whole(root)).as_posix()
    return None
