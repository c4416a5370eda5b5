"""Plain folders: one of good images, one for each type of defect, masks; or good images alone."""

from __future__ import annotations

from dataclasses import replace

from blemish.data.folder import Folder
from blemish.data.layouts.annotated import annotate
from blemish.data.layouts.classes import Gathered, ImageClass
from blemish.data.layouts.found import FoundLayout, Layout, Names
from blemish.data.layouts.kinds import classes_in, mask_folder_in
from blemish.result import GOOD


def recognises(folder: Folder, names: Names) -> bool:
    """Whether one of its folders means good images."""
    return any(names.means_good(one) for one in folder.folders if not names.leaves_out(one))


def read(folder: Folder, names: Names) -> FoundLayout:
    """Each folder as a class; masks in a folder of masks, or beside their images."""
    mask_folder = mask_folder_in(folder)
    but = [mask_folder] if mask_folder else []
    gathered = Gathered("folders", folder)
    masks = gathered.masks_in(mask_folder)
    for one in classes_in(folder, names, but=but):
        gathered.add_class(one, masks)
    annotate(gathered)
    found = gathered.done()
    only_good = all(entry.defect_type == GOOD for entry in found.entries)
    return replace(found, layout="good-only") if only_good else found


def recognises_images(folder: Folder, names: Names) -> bool:  # noqa: ARG001
    """Whether images lie right in it."""
    return bool(folder.images)


def read_images(folder: Folder, names: Names) -> FoundLayout:  # noqa: ARG001
    """Good images; folders below are not looked into."""
    gathered = Gathered("good-only", folder)
    gathered.add_class(ImageClass(folder, GOOD, deep=False))
    return gathered.done()


LAYOUT = Layout("folders", recognises, read)
IMAGES = Layout("good-only", recognises_images, read_images)
