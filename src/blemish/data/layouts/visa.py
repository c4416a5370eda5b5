"""VisA as downloaded: `<category>/Data/Images/{Normal,Anomaly}`, masks, and splits in CSV files.

The split is that of one class a detector, `split_csv/1cls.csv` beside the categories, which the
paper's table is of (Zou et al., ECCV 2022); without it images are split here.
"""

from __future__ import annotations

from blemish.data.folder import Folder
from blemish.data.layouts.classes import Gathered
from blemish.data.layouts.found import FoundLayout, Layout, Names
from blemish.data.layouts.kinds import classes_of
from blemish.data.split import Split
from blemish.data.tables import read_table
from blemish.errors import DataError, raise_some
from blemish.result import GOOD

SPLITS: dict[str, Split] = {"train": "train", "test": "test"}
ANOMALY = "anomaly"
COLUMNS = frozenset({"object", "split", "label", "image", "mask"})


def recognises(folder: Folder, names: Names) -> bool:  # noqa: ARG001
    """Whether there are normal images where VisA has them."""
    return folder.below("data", "images", "normal") is not None


def read(folder: Folder, names: Names) -> FoundLayout:
    """Images by folder, splits by the list."""
    images = folder.below("data", "images")
    gathered = Gathered("visa", folder)
    mask_folder = folder.below("data", "masks")
    masks = gathered.masks_in(mask_folder) if mask_folder else None
    listed = _listed(folder)
    for kind, name in ((GOOD, "normal"), (ANOMALY, "anomaly")):
        if images and (of_class := images.folder(name)):
            for one in classes_of(of_class, kind, names):
                gathered.add_class(one, masks)
    if listed:
        unlisted = [entry.id for entry in gathered.entries if entry.id.lower() not in listed]
        if unlisted:
            raise DataError(
                f"{folder.path}: {len(unlisted)} images are not in the list of splits "
                f"(split_csv/1cls.csv), '{unlisted[0]}' is the first; complete the "
                "list, or take it away to have the images split here."
            )
        missing = len(listed.keys() - {entry.id.lower() for entry in gathered.entries})
        if missing:
            gathered.notes.append(f"{missing} images of split_csv/1cls.csv are not there.")
        gathered.place(lambda entry: listed[entry.id.lower()])
    else:
        gathered.notes.append("There is no split_csv/1cls.csv, so the images are split here.")
    return gathered.done()


def _listed(folder: Folder) -> dict[str, Split]:
    """The split of each image of this category, by its id in lower case."""
    lists = folder.parent.folder("split_csv")
    path = lists and lists.file("1cls.csv")
    if not path:
        return {}
    table = read_table(path, COLUMNS.__contains__)
    raise_some(table.problems, DataError, place=path)
    found = {}
    for row in table.rows:
        cells = dict(zip(map(str.lower, table.columns), row.cells, strict=True))
        image, split = str(cells.get("image") or ""), str(cells.get("split") or "")
        category, _, name = image.replace("\\", "/").partition("/")
        place = SPLITS.get(split.lower())
        if category.lower() == folder.path.resolve().name.lower() and place:
            found[name.lower()] = place
    return found


LAYOUT = Layout("visa", recognises, read)
