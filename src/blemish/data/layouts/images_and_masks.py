"""`images/` beside `masks/`, below `train/` and `test/` or not: good is what has an empty mask.

So all masks are read when such a set is opened. Whether an image without a mask is good, or nobody
has drawn its mask yet, cannot be told: a user says it with `good=images`. Pascal VOC names its
folders `JPEGImages` and `SegmentationClass`, and so does CVAT's export of masks.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from blemish.data.annotations.cvat import read_labelmap
from blemish.data.annotations.splits import split_in
from blemish.data.folder import Folder
from blemish.data.layouts.annotated import annotate
from blemish.data.layouts.classes import Gathered
from blemish.data.layouts.found import FoundLayout, Layout, Names
from blemish.data.layouts.kinds import IMAGE_FOLDERS, mask_folder_in
from blemish.data.masks import marks_anything
from blemish.data.split import Split
from blemish.data.words import is_good
from blemish.errors import DataError
from blemish.images.masks import MASK_SUFFIXES
from blemish.parallel import available_cores, read_ahead
from blemish.result import GOOD

SPLITS: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
DEFECT = "defect"
BLACK = (0, 0, 0)

Place = tuple[Folder, Folder, Split | None]


def recognises(folder: Folder, names: Names) -> bool:  # noqa: ARG001
    """Whether a folder of images lies beside one that holds masks."""
    images = folder.folder(*IMAGE_FOLDERS)
    inside = images.folders if images else ()
    said = any(is_good(one.name) for one in (*folder.folders, *inside))
    return not said and bool(_places(folder))


def read(folder: Folder, names: Names) -> FoundLayout:
    """All images by their masks; defects of a training part are left out."""
    gathered = Gathered("images-and-masks", folder)
    unmasked: list[Path] = []
    _check_background(folder)
    for images, masks, split in _places(folder):
        unmasked += _add(gathered, images, masks, split, take_unmasked=names.means_good(images))
    if unmasked:
        parent = unmasked[0].parent
        raise DataError(
            f"{folder.path}: {len(unmasked)} images have no mask, '{folder.id_of(unmasked[0])}' is "
            "the first, and nothing tells whether they are good. If they are, say "
            f"good={parent.name}; else add their masks (an empty one for a good image), or take "
            "them away."
        )
    annotate(gathered)
    return gathered.done()


def _places(folder: Folder) -> list[Place]:
    """Folders of images, of their masks, and the split of both."""
    found: list[tuple[Folder, Split | None]] = [(folder, None)]
    found += [(one, s) for s, names in SPLITS.items() for one in folder.folders_named(*names)]
    places: list[Place] = []
    for one, split in found:
        images, masks = one.folder(*IMAGE_FOLDERS), mask_folder_in(one)
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


def _add(
    gathered: Gathered,
    images: Folder,
    mask_folder: Folder,
    split: Split | None,
    *,
    take_unmasked: bool,
) -> list[Path]:
    """Take the images of a folder by what their masks say; gives those that have none."""
    names = gathered.masks_in(mask_folder)
    found = [
        (image, names.of(PurePosixPath(images.id_of(image)), images.name) if names else ())
        for image in images.all_images
    ]
    cores = available_cores()
    unmasked = []
    for (image, masks), marked in read_ahead(found, _marks, readers=cores, most=2 * cores):
        if isinstance(marked, Exception):
            raise marked
        own = split or split_in(image.relative_to(images.path).parts[:-1])
        if not masks and not take_unmasked:
            unmasked.append(image)
        elif marked and own in ("train", "validation"):
            gathered.leave_out(image, masks)
        else:
            gathered.add(image, DEFECT if marked else GOOD, own, masks)
    return unmasked


def _marks(found: tuple[Path, tuple[Path, ...]]) -> bool:
    """Whether any mask of an image marks anything."""
    _, masks = found
    return any(marks_anything(mask) for mask in masks)


LAYOUT = Layout("images-and-masks", recognises, read)
