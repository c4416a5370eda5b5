"""`train/good`, `test/<type>` and masks: MVTec AD, and all that took its layout over.

Found on disk so: MVTec AD and MPDD (`ground_truth/<type>/<stem>_mask.png`), VisA once prepared
(`<stem>.png`), BTAD (`ok` and `ko`), MVTec LOCO AD (a folder of masks for each image,
`validation`), and MVTec 3D-AD (`rgb` and `gt` in the folder of a class; its `xyz` is left alone).
"""

from __future__ import annotations

from blemish.data.folder import Folder
from blemish.data.layouts.annotated import annotate
from blemish.data.layouts.classes import Gathered
from blemish.data.layouts.folders import add_class
from blemish.data.layouts.found import FoundLayout, Layout, Names
from blemish.data.layouts.kinds import (
    check_no_masks,
    classes_in,
    good_in,
    holds_good,
    mask_folder_in,
    split_folder,
)
from blemish.data.layouts.saturation import read_saturation
from blemish.data.words import plain
from blemish.result import GOOD

LOCO_TYPES = ("logical_anomalies", "structural_anomalies")


def recognises(folder: Folder, names: Names) -> bool:
    """Whether there are good images in `train/`, in a folder of their own."""
    return holds_good(split_folder(folder, "train", names), names)


def read(folder: Folder, names: Names) -> FoundLayout:
    """The good images of `train/` and `validation/`, and all of `test/`."""
    train, test = (split_folder(folder, split, names) for split in ("train", "test"))
    mask_folder = mask_folder_in(folder, names) or (mask_folder_in(test, names) if test else None)
    if mask_folder is None:
        check_no_masks(folder, names)
    but = [mask_folder] if mask_folder else []
    validation = split_folder(folder, "validation", names)
    classes = [
        *good_in(train, names, "train"),
        *(classes_in(validation, names, "validation", but=but) if validation else ()),
        *(classes_in(test, names, "test", but=but) if test else ()),
    ]
    gathered = Gathered(_name(train, test), folder)
    masks = gathered.masks_in(mask_folder) if mask_folder else None
    for one in classes:  # masks are of test images: those of training bear the same names
        of_test = one.split == "test" or one.defect_type != GOOD
        add_class(gathered, one, masks if of_test else None, names)
    annotate(gathered)
    if config := folder.file("defects_config.json"):
        gathered.seen([config])
        gathered.saturate(read_saturation(config))
        gathered.notes.append(
            "AU-PRO takes the saturation thresholds of defects_config.json, so that it is AU-sPRO."
        )
    return gathered.done()


def _name(train: Folder | None, test: Folder | None) -> str:
    """What to call it: by the set that has it so."""
    trained = {folder.name for folder in train.folders} if train else set()
    tested = {plain(folder.name) for folder in test.folders} if test else set()
    if tested & {plain(name) for name in LOCO_TYPES}:
        return "mvtec-loco"
    if train and any(folder.folder("rgb") for folder in train.folders):
        return "mvtec-3d"
    if GOOD in trained or trained & {"Good", "GOOD"}:
        return "mvtec-ad"
    return "btad" if "ok" in trained and "ko" in tested else "split-folders"


LAYOUT = Layout("mvtec-ad", recognises, read)
