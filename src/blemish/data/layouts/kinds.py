"""What folders of a class mean by their names; what can be read in two ways is asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from blemish.data.folder import Folder
from blemish.data.layouts.classes import ImageClass
from blemish.data.layouts.found import MOST_NAMED, Names
from blemish.data.mask_folders import mask_folder_among, may_hold_masks, named_for_masks
from blemish.data.mask_names import is_mask_folder
from blemish.data.places import is_bad_folder, is_no_kind, names_only_a_place
from blemish.data.split import Split
from blemish.data.usual_defects import beginning_with_a_defect
from blemish.data.words import (
    doubt,
    good_in_pairs,
    is_judged,
    plain,
    says_bad,
    sets_aside,
    split_named,
)
from blemish.errors import DataError, raise_some
from blemish.result import GOOD
from blemish.wording import first_few, quoted_few

MOST_TOLD = 5
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "JPEGImages", "pictures", "photos", "rgb")
OF_ONE_SHOT = frozenset({"xyz", "depth", "pointcloud", "point-cloud", "pcd", "normals"})
HOW_TO_SAY = (
    "name the folders of good images with good=NAME, those of a kind of defect with defect=NAME, "
    "and those to pass over with ignore=NAME"
)
SAY_WHICH = (
    "say good=NAME for one that is good, defect=NAME for a kind of defect, or ignore=NAME to pass "
    "one over"
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
    good = _good_among(parent, names)
    _check_clear(parent, folders, names, good)
    kinds = [(folder, GOOD if folder in good else folder.name) for folder in folders]
    return [one for folder, kind in kinds for one in classes_of(folder, kind, names, split)]


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
    raise_some(list(_contradictions(folder, kind, names)), DataError)
    others = _said_otherwise(folder, kind, names)
    below = [
        one
        for other in others
        if not names.leaves_out(other.name)
        for one in classes_of(other, other.name, names, split)
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


def check_no_masks(parent: Folder, names: Names) -> None:
    """Raise `DataError` where masks may lie right in a folder, in one that was not taken for it."""
    told = [one for one in parent.folders if one.all_images and not names.is_said(one.name)]
    if found := [one.name for one in told if may_hold_masks(one.name)]:
        raise DataError(
            f"{parent.path} holds {quoted_few(found, MOST_NAMED)}, which may be masks; if they "
            "are, name that folder 'masks' and its files as the images, else pass it over with "
            "ignore=NAME."
        )


def pictures_in(folder: Folder) -> Folder | None:
    """The folder of images in that of a class, where masks or depths of them lie beside it."""
    pictures = folder.folder(*IMAGE_FOLDERS)
    if pictures is None or folder.images:
        return None
    beside = [one for one in folder.folders if one != pictures and one.all_images]
    of_them = all(named_for_masks(one.name) or plain(one.name) in OF_ONE_SHOT for one in beside)
    return pictures if beside and of_them else None


def doubt_of_folder(name: str) -> str:
    """Why the name of a folder may not be that of a kind of defect; empty, if it is."""
    if is_bad_folder(name):
        return ""
    if why := doubt(name):
        return why
    if may_hold_masks(name):
        return "seems to hold masks"
    return "tells nothing of what its images are" if names_only_a_place(name) else ""


def odd_images(images: Sequence[Path], *, kinds: bool = False) -> str:
    """The first of good images whose name says otherwise, and of how many; empty, if none does.

    Args:
        images: of a folder.
        kinds: a usual kind of defect at the beginning of a name says so, too.
    """
    defects = beginning_with_a_defect(path.stem for path in images) if kinds else ()
    odd = [
        path.name
        for path in images
        if says_bad(path.stem) or sets_aside(path.stem) or path.stem in defects
    ]
    return f"'{odd[0]}' ({len(odd)} of {len(images)})" if odd else ""


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


def _said_otherwise(folder: Folder, kind: str, names: Names) -> list[Folder]:
    """The folders below one of a class that a user has named as something else."""
    found: dict[Path, Folder] = {}
    for path in _folders_below(folder):
        of_kind = plain(path.name) == plain(kind)
        other = names.leaves_out(path.name) or (names.means_defect(path.name) and not of_kind)
        if other and not any(path.is_relative_to(one) for one in found):
            found[path] = Folder(path)
    return list(found.values())


def _folders_below(folder: Folder) -> list[Path]:
    """All folders below one that hold images, those around them first."""
    found = set()
    for below in {path.parent for path in folder.all_images}:
        for path in (below, *below.parents):
            if path == folder.path or path in found:
                break
            found.add(path)
    return sorted(found)


def _contradictions(folder: Folder, kind: str, names: Names) -> Iterator[str]:
    """What lies below a folder of a class and is something else by its name, or may be."""
    good = kind == GOOD
    others = [one.path for one in _said_otherwise(folder, kind, names)]
    pictures = pictures_in(folder)
    unknown = []
    for path in _folders_below(folder):
        beside = pictures is not None and not path.is_relative_to(pictures.path)
        if beside or any(path.is_relative_to(one) for one in others):
            continue
        if why := _oddity(path.name, folder, names, good=good):
            yield f"{path} {why}"
        elif good and not names.is_said(path.name) and not is_no_kind(path.name):
            unknown.append(path)
    if unknown:
        told = quoted_few([str(path.relative_to(folder.path)) for path in unknown], MOST_TOLD)
        yield (
            f"{folder.path} holds good images, and nothing tells whether those in the folders "
            f"{told} of it are good, too: {SAY_WHICH}."
        )
    said = plain(folder.name) in map(plain, names.good)
    if good and not said and (odd := odd_images(_own_images(folder, others))):
        yield (
            f"{folder.path} holds good images, and {odd} says otherwise; move it, or, if all are "
            f"good, say good={folder.name}."
        )


def _own_images(folder: Folder, others: Sequence[Path]) -> list[Path]:
    """The images of a folder without those below some others."""
    return [p for p in folder.all_images if not any(p.is_relative_to(one) for one in others)]


def _oddity(part: str, folder: Folder, names: Names, *, good: bool) -> str:
    """What is wrong with a folder of a name below one of a class; empty, if nothing is."""
    if names.is_said(part) and (good or not names.means_good(part)):
        return ""
    other = says_bad(part) if good else names.means_good(part)
    if other and not part.isdecimal():
        what = "good" if good else "defective"
        how = f"; or {SAY_WHICH}" if good else ", or pass it over with ignore=NAME"
        return f"lies in a folder of {what} images and says otherwise; move it out of there{how}."
    if sets_aside(part) or is_judged(part):
        return (
            "lies in a folder of a class, and its name says neither that its images are of it nor "
            "that they are not; move it out of there, rename it, or pass it over with ignore=NAME."
        )
    if named_for_masks(part) and not folder.folder(*IMAGE_FOLDERS):
        return (
            "seems to hold masks, and lies in a folder of images; move them to a folder 'masks' "
            "beside the folders of classes."
        )
    if split_named(part):
        return (
            f"is a split inside of a class; lay them out the other way round, {part}/{folder.name}."
        )
    return ""
