"""The formats of annotations that say of which images they are: one entry each.

A file is recognised by what it holds, never by its name alone. To add a format, write a module with
a function `read` and put it here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from blemish.data.annotations import coco, cvat, fiftyone, label_studio, labelme, voc
from blemish.data.annotations.annotation import Annotations
from blemish.errors import DataError
from blemish.typed_json import BOM

HEAD_BYTES = 4096

# What a damaged file of annotations still shows.
_WORDS = (b'"shapes"', b'"imagePath"', b'"annotations"', b'"segmentation"', b"<annotations>")


SOME_OTHER = "annotations in a form that is not known"
_OTHERS = ("annotations", "shapes", "regions", "objects", "segments")  # keys of what is in them


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        name: of its layout, for users.
        spelled: its name as a sentence has it.
        read: what a file says, by the names of images in it.
        unlisted_is_good: whether an image that no file speaks of has nothing to mark.
    """

    name: str
    spelled: str
    read: Callable[[Path, bytes], Annotations]
    unlisted_is_good: bool = False


LABELME = Format("labelme", "LabelMe", labelme.read, unlisted_is_good=True)
COCO = Format("coco", "COCO", coco.read)
CVAT = Format("cvat", "CVAT", cvat.read)
VOC = Format("pascal-voc", "Pascal VOC", voc.read, unlisted_is_good=True)
LABEL_STUDIO = Format("label-studio", "Label Studio", label_studio.read)
YOLO = Format("yolo", "YOLO", lambda _path, _content: {}, unlisted_is_good=True)  # yolo_folder
FIFTYONE = Format("fiftyone", "FiftyOne", fiftyone.read)

SUFFIXES = frozenset({".json", ".xml"})


def format_of(path: Path, content: bytes) -> Format | None:
    """The format of a file; `None` where it holds no annotations.

    Raises:
        DataError: it is damaged, and what is left looks like annotations.
    """
    if path.suffix.lower() == ".xml":
        by_content = ((CVAT, cvat.recognises), (VOC, voc.recognises))
        return next((found for found, is_one in by_content if is_one(content)), None)
    if path.suffix.lower() != ".json":
        return None
    try:
        value = msgspec.json.decode(
            content.removeprefix(BOM), type=dict[str, msgspec.Raw] | list[msgspec.Raw]
        )
        if isinstance(value, list):
            first = msgspec.json.decode(value[0]) if value else None
            return LABEL_STUDIO if _is_task(first) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if any(word in content[:HEAD_BYTES] for word in _WORDS):
            raise DataError(f"{path}: it is no JSON ({error}).") from error
        return None
    if fiftyone.SAMPLES in value and fiftyone.NEEDED in bytes(value[fiftyone.SAMPLES]):
        return FIFTYONE
    by_keys = ((LABELME, labelme.KEYS), (COCO, coco.KEYS))
    return next((found for found, wanted in by_keys if wanted <= value.keys()), None)


def unread(path: Path, content: bytes) -> str:
    """What a file holds that looks like annotations and is none that `format_of` knows.

    Empty where it is anything else. It is for a file that `format_of` gave `None` for.
    """
    value = None
    if path.suffix.lower() == ".json":
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            value = msgspec.json.decode(content.removeprefix(BOM))
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, dict) and "image_id" in first and first.keys() & {"score", "category_id"}:
        return "a list of COCO's results, which are predictions and no labels"
    one = first if isinstance(value, list) else value
    if not isinstance(one, dict) or not one:
        return ""
    if "_via_img_metadata" in one or _has_regions(next(iter(one.values()))):
        return "a project of VIA"
    if len(lacking := coco.KEYS - one.keys()) == 1:
        return f"what COCO's files hold, without '{next(iter(lacking))}'"
    marked = any(isinstance(one.get(name), list | dict) and one[name] for name in _OTHERS)
    return SOME_OTHER if marked else ""


def _has_regions(one: Any) -> bool:
    return isinstance(one, dict) and {"filename", "regions"} <= one.keys()


def recognises(path: Path) -> bool:
    """Whether a file holds annotations, also such as are not read. Raises `DataError`."""
    if path.suffix.lower() not in SUFFIXES:
        return False
    content = content_of(path)
    return format_of(path, content) is not None or bool(unread(path, content))


def content_of(path: Path) -> bytes:
    """The bytes of a file. Raises `DataError` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}).") from error


def _is_task(first: Any) -> bool:
    """Whether the first of a list is a task of Label Studio's, in full or (JSON-MIN) in short."""
    if not isinstance(first, dict):
        return False
    return ("data" in first and "annotations" in first) or "annotation_id" in first
