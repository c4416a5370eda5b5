"""Words that tools have for splits, in names of files and folders."""

from __future__ import annotations

from collections.abc import Iterable

from blemish.data.split import Split

WORDS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


def split_named(word: str) -> Split | None:
    """The split that a word means, in whatever case; `None` where it means none."""
    return WORDS.get(word.lower())


def split_in(folders: Iterable[str]) -> Split | None:
    """The split that the first of some folders is named for, if one is."""
    return next((split for folder in folders if (split := split_named(folder))), None)
