"""MVTec AD 2: `test_public` with its masks inside, `validation`, and private tests without labels.

Heckler-Kram et al., "The MVTec AD 2 Dataset", 2025.
"""

from __future__ import annotations

from blemish.data.folder import Folder
from blemish.data.layouts.classes import Gathered
from blemish.data.layouts.found import FoundLayout, Layout, Names
from blemish.data.layouts.kinds import classes_in, good_in, holds_good, mask_folder_in

PRIVATE = ("test_private", "test_private_mixed")


def recognises(folder: Folder, names: Names) -> bool:
    """Whether there are good images in `train/` and a folder `test_public`."""
    return bool(folder.folder("test_public")) and holds_good(folder.folder("train"), names)


def read(folder: Folder, names: Names) -> FoundLayout:
    """The public part; the private one is for judging alone."""
    gathered = Gathered("mvtec-ad-2", folder)
    for split in ("train", "validation"):
        for one in good_in(folder.folder(split), names, split):
            gathered.add_class(one)
    if public := folder.folder("test_public"):
        mask_folder = mask_folder_in(public, names)
        masks = gathered.masks_in(mask_folder) if mask_folder else None
        for one in classes_in(public, names, "test", but=gathered.mask_folders):
            gathered.add_class(one, masks)
    gathered.unlabelled = folder.folders_named(*PRIVATE)
    return gathered.done()


LAYOUT = Layout("mvtec-ad-2", recognises, read)
