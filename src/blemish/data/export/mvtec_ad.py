"""MVTec AD: `train/good`, `test/<type>`, `ground_truth/<type>/<stem>_mask.png`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from blemish.data.annotations.embedded import as_png
from blemish.data.export.contract import Format, Placed, Read
from blemish.data.sample import Sample
from blemish.result import GOOD

MASKS = "ground_truth"


def _folder(sample: Sample, kind: str) -> str:
    return f"{sample.split}/{kind}"


def _write(folder: Path, placed: Placed, read: Read) -> None:
    if read.mask is not None and placed.sample.label != GOOD:
        path = folder / MASKS / placed.kind / f"{PurePosixPath(placed.name).stem}_mask.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_png(read.mask))


def _finish(_folder: Path, _name: str, _placed: Sequence[Placed], _records: Sequence[None]) -> None:
    pass


MVTEC_AD = Format("mvtec-ad", _folder, _write, _finish, keeps_types=True, types_are_folders=True)
