"""CVAT: an XML file for many images ("CVAT for images 1.1"); its masks, boxes, polygons, ellipses.

Polygons and boxes cover what CVAT's own export of masks makes of them (pycocotools' rule).
An ellipse covers the pixels whose centres are inside, where CVAT first rounds its centre and radii
to whole pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from blemish.data.annotations.annotation import (
    NO_LABELS,
    Annotation,
    Annotations,
    Labels,
    annotation_of,
    no_area,
)
from blemish.data.shapes import FARTHEST_PX, Ellipse, Shape, box, polygon, runs, runs_of
from blemish.data.words import split_named
from blemish.errors import DataError, raise_some
from blemish.images.run_lengths import mask_of

WITHOUT_AREA = {
    "polyline": "polyline",
    "points": "set of points",
    "cuboid": "cuboid",
    "skeleton": "skeleton",
}
BACKGROUND = "background"
HEAD_BYTES = 4096

_ROOT = re.compile(rb"<annotations\s*>")


def recognises(content: bytes) -> bool:
    """Whether an XML file is one of CVAT's, by how it begins."""
    head = content[:HEAD_BYTES]
    return bool(_ROOT.search(head)) and any(
        word in head for word in (b"<version>", b"<meta>", b"<image ", b"<track ")
    )


def read(path: Path, content: bytes, ignored: Labels = NO_LABELS) -> Annotations:
    """What a file of CVAT says, by the paths of the images in it.

    Args:
        path: of the file, for messages.
        content: of it.
        ignored: labels that are left out.

    Raises:
        DataError: it is damaged, of a video, or has shapes that mark no area or are unknown.
    """
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DataError(
            f"{path}: declares a DTD or entities, which CVAT never does; export it once more."
        )
    problems: list[str] = []
    found: dict[str, Annotation] = {}
    try:
        for image in _images(content, problems):
            name = image.get("name", "")
            if name in found:
                problems.append(f"'{name}' is listed twice.")
            found[name] = _annotation(path, image, problems, ignored)
    except ElementTree.ParseError as error:
        problems.append(f"it is no XML ({error}).")
    raise_some(problems, DataError, place=path)
    return found


def read_labelmap(path: Path) -> Mapping[str, tuple[int, int, int]]:
    """The colours of labels in CVAT's export of masks, from its `labelmap.txt`.

    The background may have any colour, and a label one that is nearly black: a pixel is defective
    where it has another colour than the label `background` (black, where it is not listed).

    Raises:
        DataError: it cannot be read, or has a line that is no label and colour.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 text ({error}).") from error
    colours = {BACKGROUND: (0, 0, 0)}
    problems = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"(.+?):(\d{1,3}),(\d{1,3}),(\d{1,3}):[^:]*:[^:]*", line.strip())
        if match:
            colours[match[1]] = (int(match[2]), int(match[3]), int(match[4]))
        else:
            problems.append(f"line {number}: must be like 'scratch:128,0,0::'; got '{line}'.")
    raise_some(problems, DataError, place=path)
    return colours


def _images(content: bytes, problems: list[str]) -> Iterator[ElementTree.Element]:
    for _, element in ElementTree.iterparse(BytesIO(content)):
        if element.tag == "track":
            problems.append("is of a video; export it as 'CVAT for images 1.1'.")
            return
        if element.tag == "image":
            yield element
            element.clear()


def _annotation(
    path: Path, image: ElementTree.Element, problems: list[str], ignored: Labels
) -> Annotation:
    name = image.get("name", "")
    shapes, tags, left_out = [], [], []
    for element in image:
        label = element.get("label", "")
        if element.tag == "tag":
            tags.append(label)
            continue
        if label in ignored:
            left_out.append(label)
            continue
        try:
            shapes.append(_shape(element, label))
        except (ValueError, OverflowError) as error:
            problems.append(f"'{name}': {element.tag} '{label}' {error}")
    try:
        height, width = (int(image.get(side, "0")) for side in ("height", "width"))
    except ValueError:
        problems.append(f"'{name}' has a width or height that is no whole number.")
        height = width = 0
    return annotation_of(
        path,
        shapes,
        (height, width) if height > 0 and width > 0 else None,
        lambda problem: problems.append(f"'{name}' {problem}"),
        image_labels=tuple(tags),
        ignored=ignored,
        left_out=left_out,
        split=split_named(image.get("subset", "")),
    )


def _shape(element: ElementTree.Element, label: str) -> Shape:
    """Raises `ValueError` where it marks no area, is unknown, or damaged."""
    kind = element.tag
    if kind == "box":
        x0, y0, x1, y1 = _numbers(element, "xtl", "ytl", "xbr", "ybr")
        return box(label, (x0, y0, x1, y1), degrees=_rotation(element))
    if kind == "polygon":
        pairs = element.get("points", "").split(";")
        points = [[_number(text, "points") for text in pair.split(",")] for pair in pairs]
        if any(len(point) != 2 for point in points):
            raise ValueError("has points that are no pairs.")
        return polygon(label, points)
    if kind == "ellipse":
        cx, cy, rx, ry = _numbers(element, "cx", "cy", "rx", "ry")
        if not (rx > 0 and ry > 0):
            raise ValueError(f"has radii of {rx:g} and {ry:g}; they must be above 0.")
        return Ellipse(label, (cx, cy), (rx, ry), _rotation(element))
    if kind == "mask":
        return _mask(element, label)
    if kind in WITHOUT_AREA:
        raise ValueError(no_area(WITHOUT_AREA[kind]))
    raise ValueError(
        f"is of the unknown kind '{kind}'; known are box, polygon, ellipse, mask and tag."
    )


def _mask(element: ElementTree.Element, label: str) -> Shape:
    """Its run lengths go row by row, ours column by column."""
    values = _numbers(element, "left", "top", "width", "height")
    left, top, width, height = (int(value) for value in values)
    if width <= 0 or height <= 0:
        raise ValueError(f"is {width} x {height} pixels; it must have one at least.")
    lengths = np.array([int(text) for text in element.get("rle", "").split(",")], np.int64)
    # A mask turned about its diagonal has its rows for columns.
    runs(label, lengths, (0, 0, height, width))
    return runs_of(label, mask_of(lengths, (width, height)).T, (left, top))


def _rotation(element: ElementTree.Element) -> float:
    return _number(element.get("rotation", "0"), "rotation")


def _numbers(element: ElementTree.Element, *names: str) -> list[float]:
    return [_number(element.get(name, ""), name) for name in names]


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"has '{name}' {text!r}, which is no number.") from None
    if not abs(value) <= FARTHEST_PX:
        raise ValueError(f"has '{name}' {text}, which is far outside of any image.")
    return value
