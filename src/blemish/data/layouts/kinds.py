"""What folders of a class mean by their names; what can be read in two ways is asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from blemish.data.folder import Folder
from blemish.data.layouts.classes import ImageClass
from blemish.data.layouts.found import Names
from blemish.data.mask_names import is_mask_folder
from blemish.data.split import Split
from blemish.data.words import doubt, plain, says_bad, sets_aside, split_named
from blemish.errors import DataError, raise_all
from blemish.result import GOOD
from blemish.wording import first_few, quoted_few

MOST_TOLD, MOST_NAMED = 5, 8
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "JPEGImages", "pictures", "photos", "rgb")
HOW_TO_SAY = (
    "name the folders of good images with good=NAME, and those to pass over with ignore=NAME"
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
    _check_clear(parent, folders, names)
    return [ImageClass(folder, kind_of(folder, names), split) for folder in folders]


def holds_good(parent: Folder | None, names: Names) -> bool:
    """Whether a folder of good images lies right in a folder."""
    folders = parent.folders if parent else ()
    return any(names.means_good(one.name) and not names.leaves_out(one.name) for one in folders)


def good_in(parent: Folder | None, names: Names, split: Split) -> list[ImageClass]:
    """The folders of good images right in a folder, for a split that holds no others.

    Raises:
        DataError: a folder below one of them says that it is something else.
    """
    folders = [
        folder
        for folder in (parent.folders if parent else ())
        if names.means_good(folder.name) and not names.leaves_out(folder.name)
    ]
    told = [folder for folder in folders if not _is_said(folder, names)]
    raise_all([problem for folder in told for problem in _contradictions(folder, names)], DataError)
    return [ImageClass(folder, GOOD, split) for folder in folders]


def kind_of(folder: Folder, names: Names) -> str:
    """The type of the images in a folder of a class."""
    return GOOD if names.means_good(folder.name) else folder.name


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


def mask_folder_in(parent: Folder) -> Folder | None:
    """The folder of masks right in a folder, if there is one."""
    return next((one for one in parent.folders if is_mask_folder(one.name)), None)


def _check_clear(parent: Folder, folders: Sequence[Folder], names: Names) -> None:
    """Raise `DataError` where folders could mean one thing or another."""
    told = [folder for folder in folders if folder.all_images and not _is_said(folder, names)]
    found = quoted_few([folder.name for folder in folders], MOST_NAMED)
    unclear = [f"'{folder.name}' {why}" for folder in told if (why := doubt(folder.name))]
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
    raise_all([problem for folder in told for problem in _contradictions(folder, names)], DataError)


def odd_images(images: Sequence[Path]) -> str:
    """The first of good images whose name says otherwise, and of how many; empty, if none does."""
    odd = [path.name for path in images if says_bad(path.stem) or sets_aside(path.stem)]
    return f"'{odd[0]}' ({len(odd)} of {len(images)})" if odd else ""


def _contradictions(folder: Folder, names: Names) -> Iterator[str]:
    """What lies below a folder of a class and is something else by its name."""
    good = names.means_good(folder.name)
    for below in sorted({path.parent for path in folder.all_images}):
        for part in below.relative_to(folder.path).parts:
            if why := _oddity(part, folder, names, good=good):
                yield f"{below} {why}"
    if good and (odd := odd_images(folder.all_images)):
        yield (
            f"{folder.path} holds good images, and {odd} says otherwise; move it, or, if all are "
            f"good, say good={folder.name}."
        )


def _oddity(part: str, folder: Folder, names: Names, *, good: bool) -> str:
    """What is wrong with a folder of a name below one of a class; empty, if nothing is."""
    other = says_bad(part) if good else names.means_good(part)
    if other and not part.isdecimal():
        what = "good" if good else "defective"
        return f"lies in a folder of {what} images and says otherwise; move it out of there."
    if sets_aside(part):
        return (
            "lies in a folder of a class, and its name says neither that its images are of it nor "
            "that they are not; move it out of there, or rename it."
        )
    if is_mask_folder(part) and not folder.folder(*IMAGE_FOLDERS):
        return (
            "seems to hold masks, and lies in a folder of images; move them to a folder 'masks' "
            "beside the folders of classes."
        )
    if split_named(part):
        return (
            f"is a split inside of a class; lay them out the other way round, {part}/{folder.name}."
        )
    return ""


def _is_said(folder: Folder, names: Names) -> bool:
    return plain(folder.name) in map(plain, names.good)
