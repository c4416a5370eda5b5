"""KolektorSDD and KolektorSDD2: images and masks side by side, and good is what has an empty one.

So all masks are read when such a set is opened. Tabernik et al., J. Intell. Manuf. 31, 2020; Bozic
et al., Computers in Industry 129, 2021.
"""

from __future__ import annotations

import re
from pathlib import Path

from blemish.data.folder import Folder, is_image
from blemish.data.layouts.classes import Gathered
from blemish.data.layouts.found import FoundLayout, Layout, Names
from blemish.data.split import Split
from blemish.errors import DataError

ITEM = re.compile(r"kos\d+", re.IGNORECASE)
COPY = re.compile(r" \(.+\)")  # behind a name: the second set as downloaded has two
LABEL, TRUTH = "_label", "_gt"  # endings of masks, of the first set and the second


def recognises_items(folder: Folder, names: Names) -> bool:  # noqa: ARG001
    """Whether there are folders of items, `kos01`, with labelled images."""
    items = [one for one in folder.folders if ITEM.fullmatch(one.name)]
    return bool(items) and bool(_pairs(items[0], LABEL)[0])


def read_items(folder: Folder, names: Names) -> FoundLayout:  # noqa: ARG001
    """All items; images of one are a group, and come without a split."""
    gathered = Gathered("kolektor-sdd", folder)
    for item in folder.folders:
        if ITEM.fullmatch(item.name):
            _add(gathered, item, LABEL, None, group=item.name)
    return gathered.done()


def recognises_splits(folder: Folder, names: Names) -> bool:  # noqa: ARG001
    """Whether `train` and `test` hold images, each with a file that ends in `_GT`."""
    parts = [folder.folder("train"), folder.folder("test")]
    return all(part is not None and bool(_pairs(part, TRUTH)[0]) for part in parts)


def read_splits(folder: Folder, names: Names) -> FoundLayout:  # noqa: ARG001
    """The good images of `train`, and all of `test`."""
    gathered = Gathered("kolektor-sdd2", folder)
    for split in ("train", "test"):
        if part := folder.folder(split):
            _add(gathered, part, TRUTH, split)
    return gathered.done()


def _pairs(folder: Folder, ending: str) -> tuple[dict[Path, Path], list[Path]]:
    """Images with their masks, and the images that have none."""
    files = {path.stem.lower(): path for path in folder.files if is_image(path)}
    masks: dict[str, Path] = {}
    for stem, path in files.items():
        name, marked, copy = stem.rpartition(ending)
        if marked and (not copy or COPY.fullmatch(copy)):
            masks[name + copy] = path
    taken = set(masks.values())
    images = {stem: path for stem, path in files.items() if path not in taken}
    pairs = {path: masks[stem] for stem, path in images.items() if stem in masks}
    alone = [path for stem, path in images.items() if stem not in masks]
    return pairs, alone


def _add(
    gathered: Gathered, folder: Folder, ending: str, split: Split | None, group: str | None = None
) -> None:
    pairs, alone = _pairs(folder, ending)
    if alone:
        raise DataError(
            f"{alone[0]} has no mask '{alone[0].stem}{ending}' beside it, which tells whether the "
            f"part is good{f' (and {len(alone) - 1} more)' if len(alone) > 1 else ''}."
        )
    gathered.add_by_masks(
        [(image, (mask,)) for image, mask in pairs.items()], lambda _: split, group
    )


ITEMS = Layout("kolektor-sdd", recognises_items, read_items)
SPLITS = Layout("kolektor-sdd2", recognises_splits, read_splits)
