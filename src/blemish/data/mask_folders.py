"""Folders of masks by their names: `masks`, but also `Labels_png`, `defectmaps`, `GroundTruth`.

The usual names are masks as they are. Names that are made of words for masks and of words that add
nothing are, where their files are named as images are; else they are asked about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from blemish.data.folder import Folder
from blemish.data.mask_names import is_mask_folder, share_named_after
from blemish.images.masks import MASK_SUFFIXES

_MASKS = frozenset(
    {
        "mask", "masks", "maske", "masken", "masque", "masques", "máscara", "máscaras", "mascara",
        "mascaras", "maschere", "maschera", "gt", "gts", "truth", "truths", "groundtruth", "seg",
        "segs", "segm", "segmentation", "segmentations", "segmentierung", "annotation",
        "annotations", "anno", "annos", "annot", "labels", "labelmap", "labelmaps", "maps", "掩码",
        "掩膜", "标注",
    }
)  # fmt: skip
_TYPES = frozenset(
    {
        "png", "pngs", "bmp", "tif", "tiff", "jpg", "jpeg", "npy", "gif", "raw", "rgb", "gray",
        "grey", "bw", "image", "images", "img", "imgs", "file", "files", "folder",
    }
)  # fmt: skip
_NOTHING = _TYPES | {
    "ground", "defect", "defects", "anomaly", "anomalies", "class", "classes", "object", "binary",
    "bin", "pixel", "pixelwise", "wise", "level", "semantic", "instance", "instances", "color",
    "colored", "colour", "data", "all", "final", "new", "visualization", "train", "test", "val",
    "label", "fehler", "ng", "bad", "map", "of", "for", "the",
}  # fmt: skip
_MAPS = frozenset({"maps", "map"})  # of what, has to be said: `defect_maps`
_PIECES = re.compile(r"[A-Z]+(?![a-z])|[^\W\d_A-Z]+|[A-Z][^\W\d_A-Z]*")
LEAST_NAMED = 0.5  # share of files that bear an image's name


def named_for_masks(name: str) -> bool:
    """Whether a name is made of words for masks, and of others that add nothing."""
    words = [part for word in _words(name) for part in _parts(word)]
    if set(words) - _TYPES == {"label"}:
        return len(words) > 1 or is_mask_folder(name)
    if _MAPS & set(words) and not set(words) - _MAPS - _TYPES:
        return False
    masks = (_MASKS - _MAPS) if len(words) == 1 else _MASKS
    return bool(words) and not masks.isdisjoint(words) and set(words) <= _MASKS | _NOTHING


def may_hold_masks(name: str) -> bool:
    """Whether a name is that of masks, or has a word for them in it, however words are joined."""
    of_masks = _MASKS - _MAPS - {"labels", "truths"}
    return named_for_masks(name) or any(
        part in of_masks for word in _words(name) for part in _parts(word)
    )


def mask_folder_among(folders: Sequence[Folder], around: Folder) -> Folder | None:
    """The folder of masks among some in a folder, if there is one."""
    usual = [one for one in folders if is_mask_folder(one.name)]
    if usual:
        return usual[0]
    others = [one for one in folders if named_for_masks(one.name)]
    fitting = [one for one in others if _fits(one, around)]
    return fitting[0] if len(fitting) == 1 else None


def _fits(folder: Folder, around: Folder) -> bool:
    """Whether the files of a folder are named as images around it are."""
    files = [path for path in folder.all_files if path.suffix.lower() in MASK_SUFFIXES]
    others = [path for path in around.all_images if not path.is_relative_to(folder.path)]
    return share_named_after(files, folder.path, others) >= LEAST_NAMED


def _words(name: str) -> list[str]:
    return [word.casefold() for word in _PIECES.findall(name)]


@lru_cache(maxsize=4096)
def _parts(word: str) -> tuple[str, ...]:
    """A word cut into known ones, `defectmaps` into two; itself where it cannot be cut."""
    known = _MASKS | _NOTHING
    if word in known:
        return (word,)
    for at in range(2, len(word) - 1):
        if word[:at] in known and (rest := _parts(word[at:])) and set(rest) <= known:
            return (word[:at], *rest)
    return (word,)
