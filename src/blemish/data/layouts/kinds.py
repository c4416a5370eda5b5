"""What folders of a class mean by their names; what can be read in two ways is asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blemish.data.folder import Folder
from blemish.data.layouts.below import contradictions, said_otherwise
from blemish.data.layouts.classes import ImageClass
from blemish.data.layouts.found import MOST_NAMED, Names
from blemish.data.mask_folders import (
    mask_folder_among,
    mask_folders_of_classes,
    may_hold_masks,
)
from blemish.data.mask_names import is_mask_folder
from blemish.data.places import is_bad_folder, is_time, names_only_a_place
from blemish.data.split import Split
from blemish.data.usual_defects import is_usual
from blemish.data.words import (
    doubt,
    good_in_pairs,
    plain,
    split_named,
)
from blemish.errors import DataError, raise_some
from blemish.result import GOOD
from blemish.wording import first_few, quoted_few

MOST_TOLD = 5
HOW_TO_SAY = (
    "name the folders of good images with good=NAME, those of a kind of defect with defect=NAME, "
    "and those to pass over with ignore=NAME"
)


def classes_in(
    parent: Folder, names: Names, split: Split | None = None, *, but: Sequence[Folder] = ()
) -> list[ImageClass]:
    """The folders of good images and of each kind of defect right in a folder.

    Args:
        parent: where they lie.
        names: what a user has said of them.
        split: where all their images belong, if that is known.
        but: folders that hold masks.

    Raises:
        DataError: what a folder means cannot be told by its name.
    """
    folders = [
        folder
        for folder in parent.folders
        if not names.leaves_out(folder.name) and folder.path not in {one.path for one in but}
    ]
    times = [folder for folder in folders if _is_time_of_classes(folder, names)]
    folders = [folder for folder in folders if folder not in times]
    good = _good_among(parent, names)
    _check_clear(parent, folders, names, good)
    kinds = [(folder, GOOD if folder in good else folder.name) for folder in folders]
    return [
        *(one for folder, kind in kinds for one in classes_of(folder, kind, names, split)),
        *(one for folder in times for one in classes_in(folder, names, split)),
    ]


def _is_time_of_classes(folder: Folder, names: Names) -> bool:
    """Whether a folder is one of a day, and all in it are folders of classes by their names."""
    below = [one for one in folder.folders if one.all_images and not names.leaves_out(one.name)]
    return (
        is_time(folder.name)
        and not (names.is_said(folder.name) or folder.images)
        and bool(below)
        and all(_names_a_class(one.name, names) for one in below)
    )


def _names_a_class(name: str, names: Names) -> bool:
    return names.is_said(name) or names.means_good(name) or is_bad_folder(name) or is_usual(name)


def holds_good(parent: Folder | None, names: Names) -> bool:
    """Whether a folder of good images lies right in a folder."""
    return parent is not None and bool(_good_among(parent, names))


def good_in(parent: Folder | None, names: Names, split: Split) -> list[ImageClass]:
    """The folders of good images right in a folder, for a split that holds no others.

    Raises:
        DataError: a folder below one of them says that it is something else.
    """
    folders = _good_among(parent, names) if parent else []
    return [one for folder in folders for one in classes_of(folder, GOOD, names, split)]


def classes_of(
    folder: Folder, kind: str, names: Names, split: Split | None = None
) -> list[ImageClass]:
    """A folder of a class, and those below it that a user has said to be something else.

    Raises:
        DataError: what lies below it is something else by its name, or may be.
    """
    raise_some(list(contradictions(folder, kind, names)), DataError)
    others = said_otherwise(folder, kind, names)
    below = [
        one
        for other in others
        if not names.leaves_out(other.name)
        for one in classes_of(other, _kind_said(other.name, names), names, split)
    ]
    return [ImageClass(folder, kind, split, but=tuple(others)), *below]


def split_folder(parent: Folder, split: Split, names: Names) -> Folder | None:
    """The folder of a split right in a folder, if there is one that a user does not ignore."""
    return next(
        (
            one
            for one in parent.folders
            if split_named(one.name) == split and not names.leaves_out(one.name)
        ),
        None,
    )


def mask_folder_in(parent: Folder, names: Names) -> Folder | None:
    """The folder of masks right in a folder, if there is one."""
    return mask_folder_among([one for one in parent.folders if not names.is_said(one.name)], parent)


def masks_of_classes(parent: Folder, names: Names) -> Mapping[Folder, Folder]:
    """Folders of masks by the folder of their class, right beside it: `scratch_mask`."""
    return mask_folders_of_classes([one for one in parent.folders if not names.is_said(one.name)])


def check_no_masks(parent: Folder, names: Names) -> None:
    """Raise `DataError` where masks may lie right in a folder, in one that was not taken for it."""
    told = [one for one in parent.folders if one.all_images and not names.is_said(one.name)]
    if found := [one.name for one in told if may_hold_masks(one.name)]:
        raise DataError(
            f"{parent.path} holds {quoted_few(found, MOST_NAMED)}, which may be masks; if they "
            "are, name that folder 'masks' and its files as the images, else pass it over with "
            "ignore=NAME."
        )


def doubt_of_folder(name: str) -> str:
    """Why the name of a folder may not be that of a kind of defect; empty, if it is."""
    if is_bad_folder(name):
        return ""
    if why := doubt(name):
        return why
    if may_hold_masks(name):
        return "seems to hold masks"
    return "tells nothing of what its images are" if names_only_a_place(name) else ""


def _good_among(parent: Folder, names: Names) -> list[Folder]:
    """The folders right in a folder that mean good images."""
    folders = [one for one in parent.folders if not names.leaves_out(one.name)]
    good = [one for one in folders if names.means_good(one.name)]
    if good:
        return good
    unsaid = [
        one.name for one in folders if not (names.is_said(one.name) or is_mask_folder(one.name))
    ]
    pairs = good_in_pairs(unsaid)
    return [one for one in folders if one.name in pairs]


def _check_clear(
    parent: Folder, folders: Sequence[Folder], names: Names, good: Sequence[Folder]
) -> None:
    """Raise `DataError` where folders could mean one thing or another."""
    told = [folder for folder in folders if folder.all_images and not names.is_said(folder.name)]
    found = quoted_few([folder.name for folder in folders], MOST_NAMED)
    unclear = [
        f"'{folder.name}' {why}"
        for folder in told
        if folder not in good and (why := doubt_of_folder(folder.name))
    ]
    if unclear:
        raise DataError(
            f"{parent.path} holds the folders {found}; {first_few(unclear, MOST_TOLD)}: "
            f"{HOW_TO_SAY}, or rename them."
        )
    numbers = [folder.name for folder in told if folder.name.isdecimal()]
    if numbers and {plain(folder.name) for folder in told} != {"0", "1"}:
        raise DataError(
            f"{parent.path} holds the folders {found}; what the numbers stand for cannot be told "
            f"(0 and 1 alone are good and defective): {HOW_TO_SAY}, or rename them."
        )


def _kind_said(name: str, names: Names) -> str:
    return GOOD if plain(name) in map(plain, names.good) else name
