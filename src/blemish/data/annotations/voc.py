"""Pascal VOC: an XML file for each image, as labelImg writes it; boxes alone.

A box reaches from `xmin`, `ymin` to `xmax`, `ymax`; tools count from 0 or from 1, so that it may be
off by a pixel. An outline besides (Roboflow's `polygon`) is not read.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from blemish.data.annotations.annotation import Annotations, Remark, annotation_of
from blemish.data.shapes import FARTHEST_PX, Shape, box
from blemish.errors import DataError, raise_some

HEAD_BYTES = 4096
OUTLINE = (
    "object of Pascal VOC has an outline ('polygon') besides its box, and the box is what counts; "
    "export COCO to have it",
    "objects of Pascal VOC have an outline ('polygon') besides their box, and the box is what "
    "counts; export COCO to have them",
)
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def recognises(content: bytes) -> bool:
    """Whether an XML file is one of Pascal VOC's, by how it begins."""
    head = content[:HEAD_BYTES]
    return b"<annotation>" in head.lower() and (b"<filename>" in head or b"<object>" in head)


def read(path: Path, content: bytes) -> Annotations:
    """What a file of Pascal VOC says, by the name of its image in it.

    Args:
        path: of the file, for messages.
        content: of it.

    Raises:
        DataError: it is damaged, or has objects without a box.
    """
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DataError(
            f"{path}: declares a DTD or entities, which no tool does; export it once more."
        )
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise_some([f"it is no XML ({error})."], DataError, place=path)
        raise
    problems: list[str] = []
    shapes: list[Shape] = []
    for number, one in enumerate(root.findall("object"), start=1):
        label = (one.findtext("name") or "").strip()
        try:
            shapes.append(_box(label, one))
        except ValueError as error:
            problems.append(f"object {number} ('{label}') {error}")
    outlines = tuple(
        Remark(f"object {number} in {path.name}", *OUTLINE)
        for number, one in enumerate(root.findall("object"), start=1)
        if one.find("polygon") is not None
    )
    size_hw = _size_hw(root, problems)
    found = annotation_of(path, shapes, size_hw, problems.append, remarks=outlines)
    raise_some(problems, DataError, place=path)
    return {(root.findtext("filename") or path.stem).strip(): found}


def _box(label: str, one: ElementTree.Element) -> Shape:
    """Raises `ValueError` where it has none, or a damaged one."""
    place = one.find("bndbox")
    if place is None:
        raise ValueError("has no 'bndbox', and only boxes are read; export them, or use COCO.")
    if place.find("angle") is not None or one.find("robndbox") is not None:
        raise ValueError("is a box that is turned; export it as COCO with its outline.")
    texts = [(place.findtext(name) or "").strip() for name in CORNERS]
    try:
        x0, y0, x1, y1 = (float(text) for text in texts)
    except ValueError:
        raise ValueError(f"has a box from {texts}, which are no four numbers.") from None
    if not all(abs(value) <= FARTHEST_PX for value in (x0, y0, x1, y1)):
        raise ValueError("has a box that is far outside of any image.")
    return box(label, (x0, y0, x1, y1))


def _size_hw(root: ElementTree.Element, problems: list[str]) -> tuple[int, int] | None:
    texts = [(root.findtext(f"size/{name}") or "0").strip() for name in ("height", "width")]
    try:
        height, width = (int(float(text)) for text in texts)
    except (ValueError, OverflowError):
        problems.append("has a width or height that is no number.")
        return None
    return (height, width) if height > 0 and width > 0 else None
