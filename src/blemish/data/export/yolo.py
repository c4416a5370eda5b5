"""YOLO segmentation: `images/`, `labels/` and `data.yaml`; a polygon for each region.

A polygon follows the edges of pixels, holes joined to it by lines there and back, so that the
region comes back to the pixel. An image without a defect has an empty file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from blemish.data.annotations.yolo import IMAGES, LABELS
from blemish.data.export.contract import SPLIT_FOLDERS, Format, Placed, Read, types_of
from blemish.data.sample import Sample
from blemish.images.outlines import one_ring
from blemish.images.regions import find_regions
from blemish.result import Ring


def _folder(sample: Sample, _kind: str) -> str:
    return f"{IMAGES}/{SPLIT_FOLDERS[sample.split]}"


def _write(_folder: Path, _placed: Placed, read: Read) -> list[str]:
    """The polygons of an image, without their class."""
    if read.mask is None:
        return []
    regions = find_regions(read.mask.astype(np.float32), 0.5, outlines=True)
    return [_polygon(one_ring(region.outline_xy or ()), read.size_hw) for region in regions]


def _polygon(ring: Ring, size_hw: tuple[int, int]) -> str:
    height, width = size_hw
    return " ".join(f"{x / width!r} {y / height!r}" for x, y in ring)


def _finish(
    folder: Path, _name: str, placed: Sequence[Placed], records: Sequence[list[str]]
) -> None:
    names = types_of(placed)
    for one, polygons in zip(placed, records, strict=True):
        _, *rest = PurePosixPath(one.name).with_suffix(".txt").parts
        path = folder.joinpath(LABELS, *rest)
        path.parent.mkdir(parents=True, exist_ok=True)
        number = names.index(one.label) if polygons else 0
        path.write_text("".join(f"{number} {polygon}\n" for polygon in polygons))
    splits = {one.sample.split for one in placed}
    lines = ["path: ."]
    for split, part in SPLIT_FOLDERS.items():
        # Trainers want all of them to lead somewhere.
        there = next((one for one in (split, "test", "train") if one in splits), split)
        lines.append(f"{part}: {IMAGES}/{SPLIT_FOLDERS[there]}")
    lines += [
        "names:",
        *(f"  {k}: {json.dumps(n, ensure_ascii=False)}" for k, n in enumerate(names)),
    ]
    (folder / "data.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


YOLO = Format("yolo", _folder, _write, _finish)
