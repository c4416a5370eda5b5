"""What a layout is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blemish.data.entry import Entry
from blemish.data.folder import Folder
from blemish.data.words import is_good, plain
from blemish.errors import SettingError, did_you_mean, raise_all


@dataclass(frozen=True, slots=True)
class Names:
    """What a user says of folders whose names do not say it.

    Attributes:
        good: folders of good images.
        ignored: folders that are neither good nor defective, and are not looked into.
    """

    good: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @classmethod
    def of(cls, good: Sequence[str], ignored: Sequence[str]) -> Names:
        """The names of two lists that a user gave. Raises `SettingError` where they cannot be."""
        lists = {"good": good, "ignore": ignored}
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
        found = cls(tuple(map(_stripped, good)), tuple(map(_stripped, ignored)))
        both = {plain(name) for name in found.good} & {plain(name) for name in found.ignored}
        if both:
            raise SettingError(f"'good' and 'ignore' both name '{sorted(both)[0]}'; name it once.")
        return found

    def check_met(self, folder: Folder) -> None:
        """Raise `SettingError` where a folder holds none of a name, at whatever depth."""
        if not (self.good or self.ignored):
            return
        there = {plain(name) for name in folder.names_below}
        problems = [
            f"'{parameter}' names '{name}', and there is no such folder in {folder.path}."
            f"{did_you_mean(plain(name), there)}"
            for parameter, names in (("good", self.good), ("ignore", self.ignored))
            for name in names
            if plain(name) not in there | {plain(folder.name)}
        ]
        raise_all(problems, SettingError)

    def means_good(self, name: str) -> bool:
        """Whether a folder of this name holds good images."""
        return is_good(name, self.good)

    def leaves_out(self, name: str) -> bool:
        """Whether a folder of this name is to be passed over."""
        return plain(name) in map(plain, self.ignored)


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
