"""COCO: `annotations/instances_train.json` and its like, images in a folder for each split.

An annotation for each region, as run lengths in the short form; `blemish.images.run_lengths` writes
what pycocotools does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from blemish.data.export.contract import SPLIT_FOLDERS, Format, Placed, Read, types_of
from blemish.data.export.parts import Part, parts_of
from blemish.data.sample import Sample
from blemish.images.run_lengths import to_text

ANNOTATIONS, IMAGES = "annotations", "images"


def image_entry(number: int, name: str, size_hw: tuple[int, int]) -> dict[str, Any]:
    """An image of a COCO file; `number` is its id."""
    return {"id": number, "file_name": name, "height": size_hw[0], "width": size_hw[1]}


def categories(names: Sequence[str]) -> list[dict[str, Any]]:
    """The categories of a COCO file, numbered from 1 as its tools want it."""
    return [
        {"id": number, "name": name, "supercategory": "defect"}
        for number, name in enumerate(names, start=1)
    ]


def file_text(
    images: Sequence[dict[str, Any]],
    annotations: Sequence[dict[str, Any]],
    names: Sequence[str],
) -> str:
    """A COCO file; annotations are numbered here."""
    numbered = [{"id": number, **one} for number, one in enumerate(annotations, start=1)]
    value = {"images": list(images), "annotations": numbered, "categories": categories(names)}
    return json.dumps(value, ensure_ascii=False) + "\n"


def _folder(sample: Sample, _kind: str) -> str:
    return f"{IMAGES}/{SPLIT_FOLDERS[sample.split]}"


def _write(_folder: Path, _placed: Placed, read: Read) -> tuple[Read, list[dict[str, Any]]]:
    parts = [] if read.mask is None else parts_of(read.mask)
    return Read(read.size_hw, None), [_annotation(part, read.size_hw) for part in parts]


def _annotation(part: Part, size_hw: tuple[int, int]) -> dict[str, Any]:
    x0, y0, x1, y1 = part.box_xyxy
    return {
        "segmentation": {"size": list(size_hw), "counts": to_text(part.run_lengths(size_hw))},
        "area": part.area_px,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "iscrowd": 0,
    }


def _finish(
    folder: Path,
    _name: str,
    placed: Sequence[Placed],
    records: Sequence[tuple[Read, list[dict[str, Any]]]],
) -> None:
    names = types_of(placed)
    (folder / ANNOTATIONS).mkdir()
    for split, part in SPLIT_FOLDERS.items():
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for one, (read, found) in zip(placed, records, strict=True):
            if one.sample.split == split:
                number = len(images) + 1
                file_name = PurePosixPath(one.name).name
                images.append(image_entry(number, file_name, read.size_hw))
                category = names.index(one.label) + 1 if found else 0
                annotations += [{"image_id": number, "category_id": category, **a} for a in found]
        if images:
            path = folder / ANNOTATIONS / f"instances_{part}.json"
            path.write_text(file_text(images, annotations, names), encoding="utf-8")


COCO = Format("coco", _folder, _write, _finish)
