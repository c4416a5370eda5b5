"""AITEX fabrics: `Defect_images/nnnn_ddd_ff.png`, `Mask_images`, `NODefect_images/<fabric>/`.

`ddd` is the number of the defect, `ff` that of the fabric. Silvestre-Blanes et al., Autex Research
Journal 19, 2019.
"""

from __future__ import annotations

import re
from pathlib import Path

from blemish.data.folder import Folder
from blemish.data.layouts.classes import Gathered
from blemish.data.layouts.found import FoundLayout, Layout, Names
from blemish.data.layouts.kinds import classes_of
from blemish.data.mask_names import masks_among
from blemish.result import GOOD

NAME = re.compile(r"(\d+)_(\d+)_(\d+)")
MASK = re.compile(r"_mask\d*$", re.IGNORECASE)


def recognises(folder: Folder, names: Names) -> bool:  # noqa: ARG001
    """Whether there are folders of defective and of other fabrics."""
    return bool(folder.folder("Defect_images") and folder.folder("NODefect_images"))


def read(folder: Folder, names: Names) -> FoundLayout:
    """Defects by their number, without a split."""
    defects, good = folder.folder("Defect_images"), folder.folder("NODefect_images")
    mask_folder = folder.folder("Mask_images")
    gathered = Gathered("aitex", folder, mask_folders=[mask_folder] if mask_folder else [])
    masks: dict[str, list[Path]] = {}
    for path in mask_folder.all_images if mask_folder else ():
        masks.setdefault(MASK.sub("", path.stem).lower(), []).append(path)
    images = defects.all_images if defects else []
    beside = masks_among(images)
    for image in set(images).difference(*beside.values()):
        found = NAME.match(image.stem)
        kind = f"defect-{found.group(2)}" if found else "defect"
        gathered.add(image, kind, None, masks.get(image.stem.lower()) or beside.get(image, ()))
    if good:
        for one in classes_of(good, GOOD, names):
            gathered.add_class(one)
    return gathered.done()


LAYOUT = Layout("aitex", recognises, read)
