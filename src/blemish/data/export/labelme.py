"""LabelMe: a JSON file beside each image, a `mask` shape a region, a folder for each split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from blemish.data.annotations.embedded import as_text
from blemish.data.export.contract import SPLIT_FOLDERS, Format, Placed, Read
from blemish.data.export.parts import Part, parts_of
from blemish.data.sample import Sample

VERSION = "5.5.0"  # of a LabelMe that has `mask` shapes


def _folder(sample: Sample, _kind: str) -> str:
    return SPLIT_FOLDERS[sample.split]


def _write(folder: Path, placed: Placed, read: Read) -> None:
    parts = [] if read.mask is None else parts_of(read.mask)
    path = folder / placed.name
    value: dict[str, Any] = {
        "version": VERSION,
        "flags": {},
        "shapes": [_shape(part, placed.label) for part in parts],
        "imagePath": PurePosixPath(placed.name).name,
        "imageData": None,
        "imageHeight": read.size_hw[0],
        "imageWidth": read.size_hw[1],
    }
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    path.with_suffix(".json").write_text(text, encoding="utf-8")


def _shape(part: Part, label: str) -> dict[str, Any]:
    x0, y0, x1, y1 = part.box_xyxy
    return {
        "label": label,
        "points": [[float(x0), float(y0)], [float(x1 - 1), float(y1 - 1)]],
        "group_id": None,
        "description": "",
        "shape_type": "mask",
        "flags": {},
        "mask": as_text(part.in_box()),
    }


def _finish(_folder: Path, _name: str, _placed: Sequence[Placed], _records: Sequence[None]) -> None:
    pass


LABELME = Format("labelme", _folder, _write, _finish)
