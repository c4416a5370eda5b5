"""Folders of days, shifts or batches, each with folders of classes: one data set.

`2024-01-01/OK`, `2024-01-01/NG`, `2024-01-02/OK`: a part looks the same on any day, so all days are
learnt from together, and the day stays in the ids. Cameras and lines are categories instead.
"""

from __future__ import annotations

from dataclasses import replace

from blemish.data.folder import Folder
from blemish.data.layouts import folders
from blemish.data.layouts.annotated import annotate
from blemish.data.layouts.classes import Gathered, ImageClass
from blemish.data.layouts.found import MOST_NAMED, FoundLayout, Layout, Names
from blemish.data.layouts.kinds import HOW_TO_SAY, classes_in, mask_folder_in
from blemish.data.places import is_time
from blemish.data.usual_defects import is_usual
from blemish.data.words import plain, says_bad
from blemish.errors import DataError
from blemish.result import GOOD
from blemish.wording import quoted_few


def recognises(folder: Folder, names: Names) -> bool:
    """Whether all its folders are named for times, and one of them holds good images."""
    days = _days(folder, names)
    return not folder.images and any(folders.recognises(day, names) for day in days)


def read(folder: Folder, names: Names) -> FoundLayout:
    """Each folder of each day as a class; masks beside the days, or in each of them.

    Raises:
        DataError: a day has no folders of classes, or some that no day with good images has.
    """
    days = _days(folder, names)
    gathered = Gathered("folders", folder)
    around = mask_folder_in(folder, names)
    ids = {day: folder.id_of(day.path) for day in days}
    of_day = {day: around.below(*ids[day].split("/")) for day in days} if around else {}
    shared = gathered.masks_in(around) if around and not any(of_day.values()) else None
    classes: dict[str, list[ImageClass]] = {}
    for day in days:
        _check_no_loose(day)
        own = mask_folder_in(day, names)
        mask_folder = own or of_day.get(day)
        masks = gathered.masks_in(mask_folder) if mask_folder else shared
        base = folders.base(day, names) or day
        classes[ids[day]] = classes_in(base, names, but=[own] if own else [])
        for one in classes[ids[day]]:
            folders.add_class(gathered, one, masks, names)
    _check_known(folder, classes, names)
    annotate(gathered)
    gathered.notes.insert(
        0,
        f"The folders {quoted_few(list(ids.values()), MOST_NAMED)} are read together, as "
        "times of one category; open one of them to have it alone.",
    )
    found = gathered.done()
    only_good = all(entry.defect_type == GOOD for entry in found.entries)
    return replace(found, layout="good-only") if only_good else found


def _days(folder: Folder, names: Names) -> list[Folder]:
    """The folders of times, those in others for each; none where there are any other folders.

    Passed over are that of masks, those that a user ignores, and those without images.
    """
    masks = mask_folder_in(folder, names)
    there = [
        one
        for one in folder.folders
        if one != masks and not names.leaves_out(one.name) and one.all_images
    ]
    if not all(is_time(one.name) and not names.is_said(one.name) for one in there):
        return []
    return [day for one in there for day in (_days(one, names) if not one.images else []) or [one]]


def _check_no_loose(day: Folder) -> None:
    if day.images:
        raise DataError(
            f"{day.path} holds images in no folder of a class, '{day.images[0].name}' is the "
            "first; put good and defective images into folders of their own, or pass the folder "
            "over with ignore=NAME."
        )


def _check_known(folder: Folder, classes: dict[str, list[ImageClass]], names: Names) -> None:
    """Raise `DataError` where a day without good images has folders that no other one has."""
    with_good = [of for of in classes.values() if any(one.defect_type == GOOD for one in of)]
    known = {plain(one.folder.name) for of in with_good for one in of}
    unknown = sorted({
        f"{day}/{one.folder.name}"
        for day, of in classes.items()
        if of not in with_good
        for one in of
        if one.images and not _is_told(one, known, names)
    })  # fmt: skip
    if unknown:
        raise DataError(
            f"{folder.path} holds folders of days or batches, and in those without good images "
            f"nothing tells what {quoted_few(unknown, MOST_NAMED)} are: {HOW_TO_SAY}."
        )


def _is_told(one: ImageClass, known: set[str], names: Names) -> bool:
    name = one.folder.name
    return plain(name) in known or names.is_said(name) or says_bad(name) or is_usual(name)


LAYOUT = Layout("folders", recognises, read)
