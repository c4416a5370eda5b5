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
)
from blemish.data.words import is_bad
from blemish.errors import DataError
from blemish.result import GOOD


def recognises(folder: Folder, names: Names) -> bool:
    """Whether one of its folders means good images."""
    return _base(folder, names) is not None


def _base(folder: Folder, names: Names) -> Folder | None:
    """Where the folders of classes are: right in it, or in its folder of images."""
    bases = (folder, folder.folder(*IMAGE_FOLDERS))
    return next((base for base in bases if holds_good(base, names)), None)


def read(folder: Folder, names: Names) -> FoundLayout:
    """Each folder as a class; masks in a folder of masks, or beside their images."""
    mask_folder = mask_folder_in(folder)
    but = [mask_folder] if mask_folder else []
    gathered = Gathered("folders", folder)
    masks = gathered.masks_in(mask_folder) if mask_folder else None
    for one in classes_in(_base(folder, names) or folder, names, but=but):
        gathered.add_class(one, masks)
    annotate(gathered)
    found = gathered.done()
    only_good = all(entry.defect_type == GOOD for entry in found.entries)
    return replace(found, layout="good-only") if only_good else found


def recognises_images(folder: Folder, names: Names) -> bool:  # noqa: ARG001
    """Whether images lie right in it."""
    return bool(folder.images)


def read_images(folder: Folder, names: Names) -> FoundLayout:
    """Good images; folders below are not looked into.

    Raises:
        DataError: names of the images, or its own, say that some are bad.
    """
    odd = odd_images(folder.images) or ("its name" if is_bad(folder.name) else "")
    if odd and not names.means_good(folder.name):
        raise DataError(
            f"{folder.path} holds images in no folder of a class, which are taken for good, and "
            f"{odd} says otherwise; put good and defective images into folders of their own, or, "
            f"if all are good, say good={folder.path.absolute().name}."
        )
    gathered = Gathered("good-only", folder)
    gathered.add_class(ImageClass(folder, GOOD, deep=False))
    return gathered.done()


LAYOUT = Layout("folders", recognises, read)
IMAGES = Layout("good-only", recognises_images, read_images)
