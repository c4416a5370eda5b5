"""`images/` beside `masks/`, below `train/` and `test/` or not: good is what has an empty mask.

So all masks are read when such a set is opened. Whether an image without a mask is good, or nobody
has drawn its mask yet, cannot be told: a user says it with `good=images`. Pascal VOC names its
folders `JPEGImages` and `SegmentationClass`, and so does CVAT's export of masks.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from blemish.data.annotations.cvat import read_labelmap
from blemish.data.folder import Folder
from blemish.data.layouts.annotated import annotate
from blemish.data.layouts.below import IMAGE_FOLDERS
from blemish.data.layouts.classes import Gathered
from blemish.data.layouts.found import FoundLayout, Layout, Names
from blemish.data.layouts.kinds import mask_folder_in
from blemish.data.split import Split
from blemish.data.words import split_in, split_named
from blemish.errors import DataError
from blemish.images.masks import MASK_SUFFIXES

BLACK = (0, 0, 0)

Place = tuple[Folder, Folder, Split | None]


def recognises(folder: Folder, names: Names) -> bool:
    """Whether a folder of images lies beside one that holds masks."""
    images = folder.folder(*IMAGE_FOLDERS)
    inside = images.folders if images else ()
    beside = [one for one in folder.folders if one != images]  # `good=images`: all without a mask
    said = any(names.means_good(one.name) for one in (*beside, *inside))
    return not said and bool(_places(folder, names))


def read(folder: Folder, names: Names) -> FoundLayout:
    """All images by their masks; defects of a training part are left out."""
    gathered = Gathered("images-and-masks", folder)
    unmasked: list[Path] = []
    _check_background(folder)
    for place in _places(folder, names):
        unmasked += _add(gathered, place, take_unmasked=names.means_good(place[0].name))
    if unmasked:
        parent = unmasked[0].parent
        raise DataError(
            f"{folder.path}: {len(unmasked)} images have no mask, '{folder.id_of(unmasked[0])}' is "
            "the first, and nothing tells whether they are good. If they are, say "
            f"good={parent.name}; else add their masks (an empty one for a good image), or take "
            "them away."
        )
    annotate(gathered, names)
    return gathered.done()


def _places(folder: Folder, names: Names) -> list[Place]:
    """Folders of images, of their masks, and the split of both."""
    found: list[tuple[Folder, Split | None]] = [(folder, None)]
    found += [(one, split) for one in folder.folders if (split := split_named(one.name))]
    places: list[Place] = []
    for one, split in found:
        images, masks = one.folder(*IMAGE_FOLDERS), mask_folder_in(one, names)
        if images and masks and images.all_images and _holds_masks(masks):
            places.append((images, masks, split))
    return places


def _holds_masks(folder: Folder) -> bool:
    return any(path.suffix.lower() in MASK_SUFFIXES for path in folder.all_files)


def _check_background(folder: Folder) -> None:
    """Raise `DataError` where CVAT's masks have another background than black."""
    path = folder.file("labelmap.txt")
    background = read_labelmap(path).get("background", BLACK) if path else BLACK
    if background != BLACK:
        raise DataError(
            f"{path}: the background of the masks is {background}, and whatever is not zero counts "
            "as defective; export them with a black background (0,0,0)."
        )


def _add(gathered: Gathered, place: Place, *, take_unmasked: bool) -> list[Path]:
    """Take the images of a folder by what their masks say; gives those that have none."""
    images, mask_folder, split = place
    names = gathered.masks_in(mask_folder)
    found = [
        (image, names.of(PurePosixPath(images.id_of(image)), images.name))
        for image in images.all_images
    ]
    unmasked = [] if take_unmasked else [image for image, masks in found if not masks]
    if not unmasked:
        gathered.add_by_masks(
            found, lambda image: split or split_in(image.relative_to(images.path).parts[:-1])
        )
    return unmasked


LAYOUT = Layout("images-and-masks", recognises, read)
