"""Plain folders: one of good images, one for each type of defect, masks; or good images alone."""

from __future__ import annotations

from dataclasses import replace

from blemish.data.folder import Folder
from blemish.data.layouts.annotated import annotate
from blemish.data.layouts.classes import Gathered, ImageClass
from blemish.data.layouts.found import FoundLayout, Layout, Names
from blemish.data.layouts.kinds import (
    IMAGE_FOLDERS,
    classes_in,
    holds_good,
    mask_folder_in,
    odd_images,
    pictures_in,
)
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
    but = [mask_folder] if mask_folder else []
    gathered = Gathered("folders", folder)
    masks = gathered.masks_in(mask_folder) if mask_folder else None
    for one in classes_in(base(folder, names) or folder, names, but=but):
        add_class(gathered, one, masks, names)
    annotate(gathered)
    found = gathered.done()
    only_good = all(entry.defect_type == GOOD for entry in found.entries)
    return replace(found, layout="good-only") if only_good else found


def add_class(gathered: Gathered, one: ImageClass, masks: MaskNames | None, names: Names) -> None:
    """Take a class; where its images and masks lie in folders side by side, from there."""
    images = pictures_in(one.folder)
    if images is None:
        gathered.add_class(one, masks)
        return
    own_masks = mask_folder_in(one.folder, names)
    own = gathered.masks_in(own_masks) if own_masks else None
    gathered.add_class(replace(one, folder=images), own or masks, shared=own is None)


def recognises_images(folder: Folder, names: Names) -> bool:  # noqa: ARG001
    """Whether images lie right in it."""
    return bool(folder.images)


def read_images(folder: Folder, names: Names) -> FoundLayout:
    """Good images; folders below are not looked into.

    Raises:
        DataError: names of the images, or its own, say that some are bad.
    """
    odd = odd_images(folder.images, kinds=True) or _odd_name(folder)
    if odd and not names.means_good(folder.name):
        raise DataError(
            f"{folder.path} holds images in no folder of a class, which are taken for good, and "
            f"{odd} says otherwise; put good and defective images into folders of their own, or, "
            f"if all are good, say good={folder.path.absolute().name}."
        )
    gathered = Gathered("good-only", folder)
    gathered.add_class(ImageClass(folder, GOOD, deep=False))
    return gathered.done()


def _odd_name(folder: Folder) -> str:
    """What tells that a folder of images holds defects; empty, if nothing does."""
    name = folder.path.absolute().name
    return "its name" if is_bad(name) or is_usual(name) else ""


LAYOUT = Layout("folders", recognises, read)
IMAGES = Layout("good-only", recognises_images, read_images)
