"""Folders of masks by their names: `masks`, but also `Labels_png`, `defectmaps`, `GroundTruth`.

The usual names are masks as they are. Names that are made of words for masks and of words that add
nothing are, where their files are named as images are; else they are asked about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from blemish.data.folder import Folder
from blemish.data.lexicon.masks import ADDING_NOTHING, FILE_TYPES, IN_MASK_NAMES
from blemish.data.mask_names import is_mask_folder, share_named_after
from blemish.data.words import plain
from blemish.images.masks import MASK_SUFFIXES, looks_like_a_mask

_MAPS = frozenset({"maps", "map"})  # of what, has to be said: `defect_maps`
_PIECES = re.compile(r"[A-Z]+(?![a-z])|[^\W\d_A-Z]+|[A-Z][^\W\d_A-Z]*")
_OF_A_CLASS = re.compile(
    r"(?P<name>.+)-(?:masks?|masken?|gt)|(?:masks?|masken?|gt)-(?P<behind>.+)"  # `scratch_mask`
)
LOOKED_AT = 3  # files of a folder that must hold masks to be one of them by its neighbour's name
LEAST_NAMED = 0.5  # share of files that bear an image's name


def named_for_masks(name: str) -> bool:
    """Whether a name is made of words for masks, and of others that add nothing."""
    words = [part for word in _words(name) for part in _parts(word)]
    if set(words) - FILE_TYPES == {"label"}:
        return len(words) > 1 or is_mask_folder(name)
    if _MAPS & set(words) and not set(words) - _MAPS - FILE_TYPES:
        return False
    masks = (IN_MASK_NAMES - _MAPS) if len(words) == 1 else IN_MASK_NAMES
    return (
        bool(words) and not masks.isdisjoint(words) and set(words) <= IN_MASK_NAMES | ADDING_NOTHING
    )


def may_hold_masks(name: str) -> bool:
    """Whether a name is that of masks, or has a word for them in it, however words are joined."""
    of_masks = IN_MASK_NAMES - _MAPS - {"labels", "truths"}
    return named_for_masks(name) or any(
        part in of_masks for word in _words(name) for part in _parts(word)
    )


def mask_folder_among(folders: Sequence[Folder], around: Folder) -> Folder | None:
    """The folder of masks among some in a folder, if there is one."""
    usual = [one for one in folders if is_mask_folder(one.name)]
    if usual:
        return usual[0]
    others = [one for one in folders if named_for_masks(one.name)]
    fitting = [one for one in others if _fits(one, around)]
    return fitting[0] if len(fitting) == 1 else None


def mask_folders_of_classes(folders: Sequence[Folder]) -> Mapping[Folder, Folder]:
    """Folders of masks by that of the class beside them: `scratch_mask` of `scratch`.

    Its files are named as the images of the class, and hold what masks do: a `solder_mask` beside
    `solder` is hardly one.
    """
    classes = {plain(one.name): one for one in folders}
    found = {}
    for one in folders:
        named = _OF_A_CLASS.fullmatch(plain(one.name))
        of = classes.get(named["name"] or named["behind"]) if named else None
        if of and of not in found and _holds_masks_of(one, of):
            found[of] = one
    return found


def _holds_masks_of(folder: Folder, images: Folder) -> bool:
    files = _mask_files(folder)
    named = share_named_after(files, folder.path, images.all_images) == 1
    return bool(files) and named and all(map(looks_like_a_mask, files[:LOOKED_AT]))


def _mask_files(folder: Folder) -> list[Path]:
    return [path for path in folder.all_files if path.suffix.lower() in MASK_SUFFIXES]


def _fits(folder: Folder, around: Folder) -> bool:
    """Whether the files of a folder are named as images around it are."""
    files = _mask_files(folder)
    others = [path for path in around.all_images if not path.is_relative_to(folder.path)]
    return share_named_after(files, folder.path, others) >= LEAST_NAMED


def _words(name: str) -> list[str]:
    return [word.casefold() for word in _PIECES.findall(name)]


@lru_cache(maxsize=4096)
def _parts(word: str) -> tuple[str, ...]:
    """A word cut into known ones, `defectmaps` into two; itself where it cannot be cut."""
    known = IN_MASK_NAMES | ADDING_NOTHING
    if word in known:
        return (word,)
    for at in range(2, len(word) - 1):
        if word[:at] in known and (rest := _parts(word[at:])) and set(rest) <= known:
            return (word[:at], *rest)
    return (word,)
