"""Plain folders: one of good images, one for each type of defect, masks; or good images alone."""

from __future__ import annotations

from dataclasses import replace

from blemish.data.folder import Folder
from blemish.data.image_names import contrary_note, odd_images, told_drawings
from blemish.data.layouts.annotated import annotate
from blemish.data.layouts.below import IMAGE_FOLDERS, pictures_in
from blemish.data.layouts.classes import Gathered, ImageClass
from blemish.data.layouts.found import FoundLayout, Layout, Names
from blemish.data.layouts.kinds import (
    classes_in,
    holds_good,
    mask_folder_in,
    masks_of_classes,
)
from blemish.data.layouts.taken import taken_notes
from blemish.data.mask_names import MaskNames
from blemish.data.usual_defects import is_usual
from blemish.data.words import is_bad
from blemish.errors import DataError
from blemish.result import GOOD


def recognises(folder: Folder, names: Names) -> bool:
    """Whether one of its folders means good images."""
    return base(folder, names) is not None


def base(folder: Folder, names: Names) -> Folder | None:
    """Where the folders of classes are: right in a folder, or in its folder of images."""
    bases = (folder, folder.folder(*IMAGE_FOLDERS))
    return next((base for base in bases if holds_good(base, names)), None)


def read(folder: Folder, names: Names) -> FoundLayout:
    """Each folder as a class; masks in a folder of masks, or beside their images."""
    mask_folder = mask_folder_in(folder, names)
    around = base(folder, names) or folder
    own = masks_of_classes(around, names)
    but = [*([mask_folder] if mask_folder else []), *own.values()]
    gathered = Gathered("folders", folder)
    masks = gathered.masks_in(mask_folder) if mask_folder else None
    classes = classes_in(around, names, but=but)
    for one in classes:
        add_class(gathered, one, masks, names, own=own.get(one.folder))
    gathered.notes += taken_notes(classes, names)
    annotate(gathered, names)
    found = gathered.done()
    only_good = all(entry.defect_type == GOOD for entry in found.entries)
    return replace(found, layout="good-only") if only_good else found


def add_class(
    gathered: Gathered,
    one: ImageClass,
    masks: MaskNames | None,
    names: Names,
    *,
    own: Folder | None = None,
) -> None:
    """Take a class; where its images and masks lie in folders side by side, from there.

    Args:
        gathered: what takes it.
        one: the class.
        masks: in a folder of those of all classes, if there is one.
        names: what a user has said.
        own: a folder of its own masks beside it.
    """
    good = one.defect_type == GOOD
    if note := contrary_note(one.images, one.folder.path.absolute().name, good=good):
        gathered.notes.append(note)
    images = pictures_in(one.folder) if one.deep else None
    own = own or (mask_folder_in(one.folder, names) if images else None)
    own_masks = gathered.masks_in(own) if own else None
    one = replace(one, folder=images) if images else one
    gathered.add_class(one, own_masks or masks, shared=own_masks is None)


def recognises_images(folder: Folder, names: Names) -> bool:  # noqa: ARG001
    """Whether images lie right in it."""
    return bool(folder.images)


def read_images(folder: Folder, names: Names) -> FoundLayout:
    """Good images; folders below are not looked into.

    Raises:
        DataError: names of the images, or its own, say that some are bad.
    """
    name = folder.path.absolute().name
    odd = odd_images(folder.images, alone=True)
    why = f"{odd} says otherwise" if odd else _odd_name(name) or told_drawings(folder.images)
    if why and not names.means_good(name):
        raise DataError(
            f"{folder.path} holds images in no folder of a class, which are taken for good, and "
            f"{why}; put good and defective images into folders of their own, or, if all are good, "
            f"say good={name}."
        )
    gathered = Gathered("good-only", folder)
    add_class(gathered, ImageClass(folder, GOOD, deep=False), None, names)
    return gathered.done()


def _odd_name(name: str) -> str:
    """What tells that a folder of images holds defects; empty, if nothing does."""
    bad = is_bad(name) or is_usual(name)
    return f"the folder's own name, '{name}', says otherwise" if bad else ""


LAYOUT = Layout("folders", recognises, read)
IMAGES = Layout("good-only", recognises_images, read_images)
