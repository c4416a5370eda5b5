"""What a layout or a manifest says of an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from blemish.data.split import Split


@dataclass(frozen=True, slots=True)
class Entry:
    """An image as its layout presents it; `split` is `None` where the layout has none."""

    id: str
    path: Path
    defect_type: str
    mask_path: Path | None = None
    split: Split | None = None
    group: str | None = None
