"""What a layout or a manifest says of an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from blemish.data.masks import Mask
from blemish.data.split import Split


@dataclass(frozen=True, slots=True)
class Entry:
    """An image as its layout presents it.

    Attributes:
        id: path relative to the data set's root, with forward slashes.
        path: the file.
        defect_type: the kind of defect, `good` for a good image.
        masks: what says which pixels are defective, all of them together; none, where nothing does.
        split: `None` where the layout has none.
        group: images of a group always stay on the same side of a split.
        metadata: what else a manifest tells of the image, by column, in its order.
        page: which image of the file, where it is a TIFF of several, counted from 0; `None` for
            all that it has.
    """

    id: str
    path: Path
    defect_type: str
    masks: tuple[Mask, ...] = ()
    split: Split | None = None
    group: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    page: int | None = None
