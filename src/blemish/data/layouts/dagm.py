"""DAGM 2007: `Class1/{Train,Test}/0001.PNG`, masks in `Label/`; `Labels.txt` says which are bad.

Wieler and Hahn, "Weakly Supervised Learning for Industrial Optical Inspection", DAGM 2007.
"""

from __future__ import annotations

from pathlib import Path

from blemish.data.folder import Folder
from blemish.data.layouts.classes import Gathered
from blemish.data.layouts.found import MOST_NAMED, FoundLayout, Layout, Names
from blemish.data.words import DEFECT
from blemish.errors import DataError
from blemish.result import GOOD
from blemish.wording import quoted_few

FIELDS = 5  # of a line: number, 0 or 1, name of the image, 0, name of the label or 0


def recognises(folder: Folder, names: Names) -> bool:  # noqa: ARG001
    """Whether `Train` and `Test` hold images and a folder `Label` each."""
    parts = [folder.folder("train"), folder.folder("test")]
    return all(part and part.folder("label") and part.images for part in parts)


def read(folder: Folder, names: Names) -> FoundLayout:  # noqa: ARG001
    """The good images of `Train`, and all of `Test`."""
    gathered = Gathered("dagm", folder)
    for split in ("train", "test"):
        part = folder.folder(split)
        labels = part and part.folder("label")
        if not part or not labels:
            continue
        gathered.mask_folders.append(labels)
        gathered.seen(path for path in labels.files if path.suffix.lower() == ".txt")
        text = labels.file("Labels.txt")
        masks = _listed(text, labels) if text else _labels(labels)
        unlisted = []
        for image in part.images:
            mask = masks.get(image.name.lower())
            if text and image.name.lower() not in masks:
                unlisted.append(image)
                continue
            gathered.add(image, DEFECT if mask else GOOD, split, [mask] if mask else [])
        if unlisted:
            lie = "image is" if len(unlisted) == 1 else "images are"
            gathered.notes.append(
                f"{len(unlisted)} {lie} in no line of {part.name}/{labels.name}/Labels.txt, which "
                f"says what is good: {quoted_few([path.name for path in unlisted], MOST_NAMED)}."
            )
    return gathered.done()


def _labels(labels: Folder) -> dict[str, Path | None]:
    """The label of each defective image, by the image's name in lower case; by names alone."""
    return {
        f"{path.stem.lower().removesuffix('_label')}{path.suffix.lower()}": path
        for path in labels.images
    }


def _listed(text: Path, labels: Folder) -> dict[str, Path | None]:
    """The label of each image in a list, if it has one, by the image's name in lower case."""
    files = {path.name.lower(): path for path in labels.files}
    found: dict[str, Path | None] = {}
    for number, line in enumerate(_lines(text), start=1):
        words = line.split()
        if len(words) != FIELDS:
            continue  # the first line, and those that are empty
        _, bad, image, _, label = words
        if bad != "0" and label.lower() not in files:
            raise DataError(f"{text}: line {number}: there is no label '{label}'.")
        found[image.lower()] = files[label.lower()] if bad != "0" else None
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}).") from error


LAYOUT = Layout("dagm", recognises, read)
