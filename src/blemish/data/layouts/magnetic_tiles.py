"""Magnetic tiles as downloaded: `MT_<kind>/Imgs/x.jpg` with its mask `x.png`; `MT_Free` is good.

Huang, Qiu and Yuan, "Surface Defect Saliency of Magnetic Tile", The Visual Computer 36, 2020.
"""

from __future__ import annotations

from pathlib import Path

from blemish.data.folder import Folder
from blemish.data.layouts.classes import Gathered
from blemish.data.layouts.found import FoundLayout, Layout, Names
from blemish.result import GOOD

PREFIX = "mt_"
FREE = "mt_free"
PHOTO, MASK = frozenset({".jpg", ".jpeg"}), ".png"


def recognises(folder: Folder, names: Names) -> bool:  # noqa: ARG001
    """Whether there is a folder `MT_Free` with images in `Imgs`."""
    return folder.below("mt_free", "imgs") is not None


def read(folder: Folder, names: Names) -> FoundLayout:  # noqa: ARG001
    """Images by kind, without a split."""
    gathered = Gathered("magnetic-tiles", folder)
    for kind in folder.folders:
        images = kind.folder("imgs")
        if kind.name.lower().startswith(PREFIX) and images:
            good = kind.name.lower() == FREE
            _add(gathered, images, GOOD if good else kind.name[len(PREFIX) :].lower())
    return gathered.done()


def _add(gathered: Gathered, folder: Folder, kind: str) -> None:
    masks: dict[str, Path] = {p.stem: p for p in folder.images if p.suffix.lower() == MASK}
    for image in folder.images:
        if image.suffix.lower() in PHOTO:
            mask = masks.get(image.stem)
            gathered.add(image, kind, None, () if mask is None else (mask,))


LAYOUT = Layout("magnetic-tiles", recognises, read)
