"""What a layout is, and what it finds."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path, PurePosixPath

from blemish.data.entry import Entry
from blemish.data.folder import Folder
from blemish.data.places import is_good_folder
from blemish.data.words import plain
from blemish.errors import SettingError, raise_all
from blemish.wording import first_few, quoted_few

MOST_NAMED, MOST_FOLDERS = 8, 5


@dataclass(frozen=True, slots=True)
class Names:
    """What a user says of folders whose names do not say it.

    Attributes:
        good: folders of good images.
        ignored: folders that are neither good nor defective, and are not looked into.
        defects: folders of a kind of defect, which has their name.
    """

    good: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()

    @classmethod
    def of(cls, good: Sequence[str], ignored: Sequence[str], defects: Sequence[str] = ()) -> Names:
        """The names of lists that a user gave. Raises `SettingError` where they cannot be."""
        lists = {"good": good, "ignore": ignored, "defect": defects}
        problems = []
        for parameter, names in lists.items():
            if isinstance(names, str):
                problems.append(f"'{parameter}' must be a list of names; got {names!r}.")
                continue
            problems += [
                f"'{parameter}' must be names of folders, not paths; got '{name}'."
                for name in names
                if not _stripped(name) or "/" in _stripped(name) or "\\" in _stripped(name)
            ]
        raise_all(problems, SettingError)
        found = cls(*(tuple(map(_stripped, names)) for names in lists.values()))
        raise_all(list(found._told_twice()), SettingError)
        return found

    def check_met(self, folder: Folder) -> None:
        """Raise `SettingError` where a folder holds none of a name, at whatever depth."""
        if not (self.good or self.ignored or self.defects):
            return
        there = {plain(name): name for name in folder.names_below}
        problems = [
            f"'{parameter}' names '{name}/', and there is no such folder in {folder.path}."
            f"{_instead(name, there)}"
            for parameter, names in self._lists()
            for name in names
            if plain(name) not in {*there, plain(folder.name)}
        ]
        raise_all(problems, SettingError)

    def means_good(self, name: str) -> bool:
        """Whether a folder of this name holds good images."""
        said = plain(name) in map(plain, self.good)
        return said or (is_good_folder(name) and not self.means_defect(name))

    def means_defect(self, name: str) -> bool:
        """Whether a user has said that a folder of this name holds a kind of defect."""
        return plain(name) in map(plain, self.defects)

    def is_said(self, name: str) -> bool:
        """Whether a user has said what a folder of this name is, or to pass it over."""
        return any(plain(name) in map(plain, names) for _, names in self._lists())

    def leaves_out(self, name: str) -> bool:
        """Whether a folder of this name is to be passed over."""
        return plain(name) in map(plain, self.ignored)

    def _lists(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ("good", self.good), ("ignore", self.ignored), ("defect", self.defects)

    def _told_twice(self) -> Iterator[str]:
        for (one, names), (other, others) in combinations(self._lists(), 2):
            for name in sorted({plain(name) for name in names} & {plain(name) for name in others}):
                yield f"'{one}' and '{other}' both name '{name}/'; name it once."


def _instead(name: str, there: Mapping[str, str]) -> str:
    """The folder that is there and has nearly the name; else those that are there."""
    if close := difflib.get_close_matches(plain(name), there, n=1):
        return f" Did you mean '{there[close[0]]}/'?"
    found = quoted_few([f"{one}/" for one in sorted(there.values())], MOST_NAMED)
    return f" There are {found}." if there else ""


def _stripped(name: str) -> str:
    """A name without the slash that a shell puts behind it."""
    return name.strip().rstrip("/\\")


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What a layout passed over, as paths relative to its root.

    Attributes:
        not_images: files whose suffix is no image's.
        unused_images: images where the layout expects none.
        orphan_masks: masks that belong to no image.
        empty_folders: folders of a class without an image.
        training_defects: defective images that the layout has for training.
        unlabelled: images that the layout has for judging, without saying what they are.
    """

    not_images: tuple[str, ...] = ()
    unused_images: tuple[str, ...] = ()
    orphan_masks: tuple[str, ...] = ()
    empty_folders: tuple[str, ...] = ()
    training_defects: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """What of it a user must hear, a sentence each; `check` tells all of it as findings."""
        notes = []
        if unused := self.unused_images:
            lie = "image lies" if len(unused) == 1 else "images lie"
            notes.append(
                f"{len(unused)} {lie} where this layout expects none and will not be used: "
                f"{_folders_of(unused)}."
            )
        if defects := self.training_defects:
            images = "image" if len(defects) == 1 else "images"
            notes.append(
                f"{len(defects)} defective {images} of the training part will not be used: only "
                "good images are learnt from."
            )
        if unlabelled := self.unlabelled:
            come = "image comes" if len(unlabelled) == 1 else "images come"
            notes.append(
                f"{len(unlabelled)} {come} without a label and will not be used: "
                f"{_folders_of(unlabelled)}."
            )
        return tuple(notes)


def _folders_of(ids: Sequence[str]) -> str:
    folders = sorted({PurePosixPath(path).parent.as_posix() for path in ids})
    return first_few(folders, MOST_FOLDERS)


@dataclass(frozen=True, slots=True)
class FoundLayout:
    """What was found; `layout` is its name for users."""

    layout: str
    root: Path
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    leftovers: Leftovers = field(default_factory=Leftovers)


@dataclass(frozen=True, slots=True)
class Layout:
    """A way of laying out a data set.

    Attributes:
        name: for users.
        recognises: whether a folder is laid out so, by names alone.
        read: what such a folder holds. Raises `DataError` where it contradicts itself.
    """

    name: str
    recognises: Callable[[Folder, Names], bool]
    read: Callable[[Folder, Names], FoundLayout]
