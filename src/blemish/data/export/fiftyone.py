"""FiftyOne: `samples.json` and `metadata.json` of its type `FiftyOneDataset`, masks as files.

Of its formats this one keeps splits (as tags), types of defects and masks in one import, and is
plain JSON: without a version in `metadata.json` FiftyOne finds the fields out from the samples.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from blemish.data.annotations.embedded import as_png
from blemish.data.annotations.fiftyone import MASK, TYPE
from blemish.data.export.contract import SPLIT_FOLDERS, Format, Placed, Read
from blemish.data.sample import Sample
from blemish.result import GOOD

DATA, FIELDS = "data", "fields"
SET = 255  # what a pixel of a defect has in a mask


def _folder(sample: Sample, _kind: str) -> str:
    return f"{DATA}/{SPLIT_FOLDERS[sample.split]}"


def _write(folder: Path, placed: Placed, read: Read) -> dict[str, Any]:
    sample = placed.sample
    fields: dict[str, Any] = {
        "filepath": placed.name,
        "tags": [SPLIT_FOLDERS[sample.split]],
        TYPE: {"_cls": "Classification", "label": placed.label},
    }
    if read.mask is not None and sample.label != GOOD:
        _, *rest = PurePosixPath(placed.name).with_suffix(".png").parts
        name = PurePosixPath(FIELDS, MASK, *rest)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_png(read.mask))
        fields[MASK] = {"_cls": "Segmentation", "mask_path": name.as_posix()}
    return fields


def _finish(
    folder: Path, name: str, _placed: Sequence[Placed], records: Sequence[dict[str, Any]]
) -> None:
    metadata = {
        "name": name,
        "media_type": "image",
        "info": {},
        "mask_targets": {MASK: {str(SET): "defect"}},
    }
    for file, value in (("metadata.json", metadata), ("samples.json", {"samples": list(records)})):
        text = json.dumps(value, ensure_ascii=False) + "\n"
        (folder / file).write_text(text, encoding="utf-8")


FIFTYONE = Format("fiftyone", _folder, _write, _finish, keeps_types=True)
