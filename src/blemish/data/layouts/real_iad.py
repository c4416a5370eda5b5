"""Real-IAD: `OK/S0001/`, `NG/<kind>/S0001/`, five views of each part, and JSON files with splits.

The list of a category, `<category>.json`, lies beside its folder or in `realiad_jsons/`. Views of
a part are a group. Wang et al., "Real-IAD", CVPR 2024.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from blemish.data.folder import Folder
from blemish.data.layouts.classes import Gathered
from blemish.data.layouts.found import FoundLayout, Layout, Names
from blemish.data.layouts.kinds import classes_of
from blemish.data.mask_names import masks_among
from blemish.data.split import Split
from blemish.errors import DataError, raise_some
from blemish.result import GOOD
from blemish.typed_json import JsonError, read_json

PART = re.compile(r"S\d+")
LISTS = ("realiad_jsons", "realiad_jsons_sv", "jsons")  # of all views, of single ones
SPLITS: tuple[Split, ...] = ("train", "test")


def recognises(folder: Folder, names: Names) -> bool:  # noqa: ARG001
    """Whether there are good parts by number."""
    good = folder.folder("ok")
    return good is not None and any(PART.fullmatch(one.name) for one in good.folders)


def read(folder: Folder, names: Names) -> FoundLayout:
    """What the list says; defects that it has for training are left out."""
    path = _list_of(folder)
    gathered = Gathered("real-iad", folder)
    if path is None:
        return _without_list(gathered, names)
    gathered.notes.append(f"The splits are those of {path.parent.name}/{path.name}.")
    problems: list[str] = []
    for split, row in _rows(path):
        kind, image, mask = (row.get(n) for n in ("anomaly_class", "image_path", "mask_path"))
        file, marks = folder.path / str(image), () if not mask else (folder.path / str(mask),)
        missing = [one for one in (file, *marks) if not one.is_file()]
        problems += [f"'{one}' does not exist." for one in missing]
        good = kind == "OK"
        if not missing:
            gathered.add(
                file, GOOD if good else str(kind), split, marks, _group_of(file, str(kind))
            )
    raise_some(problems, DataError, place=path)
    return gathered.done()


def _without_list(gathered: Gathered, names: Names) -> FoundLayout:
    """Images by their folders; the split is left to who opens them."""
    gathered.notes.append(
        f"There is no list '{gathered.root.name}.json' of the category's splits, so the images are "
        "split here."
    )
    good, bad = gathered.root.folder("ok"), gathered.root.folder("ng")
    kinds = [(good, GOOD)] if good else []
    kinds += [(kind, kind.name) for kind in bad.folders] if bad else []
    for one in (one for folder, kind in kinds for one in classes_of(folder, kind, names)):
        beside = masks_among(one.images)
        for image in set(one.images).difference(*beside.values()):
            group = _group_of(image, one.defect_type)
            gathered.add(image, one.defect_type, None, beside.get(image, ()), group)
    return gathered.done()


def _group_of(path: Path, kind: str) -> str | None:
    """The part that an image is a view of."""
    part = next((name for name in path.parts if PART.fullmatch(name)), None)
    return None if part is None else f"{kind}-{part}"


def _list_of(folder: Folder) -> Path | None:
    """The list of a category, beside its folder or in a folder of lists further up."""
    around = folder.parent
    name = f"{folder.path.resolve().name}.json"
    places = [around, *(around.folders_named(*LISTS)), *(around.parent.folders_named(*LISTS))]
    return next((path for place in places if (path := place.file(name))), None)


def _rows(path: Path) -> Iterator[tuple[Split, Mapping[str, Any]]]:
    try:
        content = read_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, JsonError) as error:
        raise DataError(f"{path} cannot be read ({error}).") from error
    for split in SPLITS:
        rows = content.get(split) if isinstance(content, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise DataError(f"{path} must hold a list '{split}' of images with their classes.")
        yield from ((split, row) for row in rows)


LAYOUT = Layout("real-iad", recognises, read)
