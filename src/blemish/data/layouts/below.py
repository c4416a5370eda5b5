"""What lies below a folder of a class, and whether it is of that class by its name, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from blemish.data.folder import Folder
from blemish.data.image_names import odd_images, told_drawings
from blemish.data.layouts.found import Names
from blemish.data.mask_folders import named_for_masks
from blemish.data.places import is_no_kind
from blemish.data.words import (
    MAY_BE_GOOD,
    doubt,
    is_judged,
    is_of_another_time,
    plain,
    says_bad,
    sets_aside,
    split_named,
)
from blemish.result import GOOD
from blemish.wording import quoted_few

MOST_TOLD = 5
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "JPEGImages", "pictures", "photos", "rgb")
OF_ONE_SHOT = frozenset({"xyz", "depth", "pointcloud", "point-cloud", "pcd", "normals"})
SAY_WHICH = (
    "say good=NAME for one that is good, defect=NAME for a kind of defect, or ignore=NAME to pass "
    "one over"
)


def pictures_in(folder: Folder) -> Folder | None:
    """The folder of images in that of a class, where masks or depths of them lie beside it."""
    pictures = folder.folder(*IMAGE_FOLDERS)
    if pictures is None or folder.images:
        return None
    beside = [one for one in folder.folders if one != pictures and one.all_images]
    of_them = all(named_for_masks(one.name) or plain(one.name) in OF_ONE_SHOT for one in beside)
    return pictures if beside and of_them else None


def said_otherwise(folder: Folder, kind: str, names: Names) -> list[Folder]:
    """The folders below one of a class that a user has named as something else."""
    found: dict[Path, Folder] = {}
    for path in _folders_below(folder):
        of_kind = plain(path.name) == plain(kind)
        said = plain(path.name) in map(plain, names.good) and kind != GOOD
        other = names.leaves_out(path.name) or (names.means_defect(path.name) and not of_kind)
        if (other or said) and not any(path.is_relative_to(one) for one in found):
            found[path] = Folder(path)
    return list(found.values())


def contradictions(folder: Folder, kind: str, names: Names) -> Iterator[str]:
    """What lies below a folder of a class and is something else by its name, or may be."""
    good = kind == GOOD
    others = [one.path for one in said_otherwise(folder, kind, names)]
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
    if names.is_said(folder.name):
        return
    images = _own_images(folder, others)
    if good and (odd := odd_images(images)):
        yield (
            f"{folder.path} holds good images, and {odd} says otherwise; move it, or, if all are "
            f"good, say good={folder.name}."
        )
    elif drawn := told_drawings(images):
        how = "good" if good else "defect"
        yield (
            f"{folder.path}: {drawn}; move drawings out of there, or, if all are images of parts, "
            f"say {how}={folder.name}."
        )


def _own_images(folder: Folder, others: Sequence[Path]) -> list[Path]:
    """The images of a folder without those below some others."""
    return [p for p in folder.all_images if not any(p.is_relative_to(one) for one in others)]


def _oddity(part: str, folder: Folder, names: Names, *, good: bool) -> str:
    """What is wrong with a folder of a name below one of a class; empty, if nothing is."""
    if names.is_said(part):
        return ""
    if contrary := _contrary(part, names, good=good):
        return contrary
    if sets_aside(part) or is_judged(part):
        return (
            "lies in a folder of a class, and its name says neither that its images are of it nor "
            f"that they are not; move it out of there, rename it, or {SAY_WHICH}."
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


def _contrary(part: str, names: Names, *, good: bool) -> str:
    """What a folder of a name says, or leaves open, against that of a class around it."""
    other = says_bad(part) if good else names.means_good(part)
    if other and not part.isdecimal():
        what = "good" if good else "defective"
        return (
            f"lies in a folder of {what} images and says otherwise; move it out of there; or "
            f"{SAY_WHICH}."
        )
    if not good and (doubt(part) == MAY_BE_GOOD or is_of_another_time(part)):
        return (
            "lies in a folder of defective images, and its name leaves open whether its own are; "
            f"{SAY_WHICH}."
        )
    return ""


def _folders_below(folder: Folder) -> list[Path]:
    """All folders below one that hold images, those around them first."""
    found = set()
    for below in {path.parent for path in folder.all_images}:
        for path in (below, *below.parents):
            if path == folder.path or path in found:
                break
            found.add(path)
    return sorted(found)
