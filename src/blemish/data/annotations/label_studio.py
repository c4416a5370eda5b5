"""Label Studio: its JSON export, a list of tasks; brush and bitmask, polygons, boxes, ellipses.

Coordinates are percent of the image's width and height. A task without an annotation that was
submitted is not annotated yet; one with an annotation that marks nothing is good.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from msgspec import Struct

from blemish.data.annotations.annotation import (
    NO_LABELS,
    Annotation,
    Annotations,
    Labels,
    annotation_of,
    no_area,
)
from blemish.data.annotations.brush import decode
from blemish.data.annotations.embedded import mask_in
from blemish.data.shapes import Ellipse, Shape, box, polygon, runs_of
from blemish.data.words import DEFECT
from blemish.errors import DataError, raise_some
from blemish.images.read import IMAGE_SUFFIXES
from blemish.typed_json import Count, JsonError, read_as

WITHOUT_AREA = {"keypoint": "keypoint", "vector": "vector"}
# Results that are neither shapes nor labels.
OTHERS = frozenset(
    {"relation", "textarea", "number", "rating", "datetime", "taxonomy", "pairwise", "ranker"}
)
KINDS = ("rectangle", "polygon", "ellipse", "brush", "bitmask")


class _Value(Struct, rename={"radius_x": "radiusX", "radius_y": "radiusY", "png": "imageDataURL"}):
    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None
    rotation: float = 0.0
    radius_x: float | None = None
    radius_y: float | None = None
    points: list[tuple[float, float]] | None = None
    rle: list[Count] | None = None
    png: str | None = None
    choices: list[str] | None = None
    labels: list[str] | None = None
    rectanglelabels: list[str] | None = None
    polygonlabels: list[str] | None = None
    ellipselabels: list[str] | None = None
    brushlabels: list[str] | None = None
    bitmasklabels: list[str] | None = None

    def named(self) -> list[str]:
        """The labels of a region, whatever tag gave them."""
        groups = (
            self.labels,
            self.rectanglelabels,
            self.polygonlabels,
            self.ellipselabels,
            self.brushlabels,
            self.bitmasklabels,
        )
        return [label for group in groups for label in group or ()]


class _Result(Struct):
    type: str
    id: str | None = None
    value: _Value | None = None
    original_width: Count | None = None
    original_height: Count | None = None
    image_rotation: float | None = None


class _Annotation(Struct):
    result: list[_Result]
    was_cancelled: bool = False
    ground_truth: bool = False


class _Task(Struct):
    data: dict[str, Any]
    annotations: list[_Annotation]
    id: int | str | None = None


def read(path: Path, content: bytes, ignored: Labels = NO_LABELS) -> Annotations:
    """What an export of Label Studio says, by the paths of the images in it.

    Args:
        path: of the file, for messages.
        content: of it.
        ignored: labels that are left out.

    Raises:
        DataError: it is damaged, contradicts itself, or has shapes that mark no area.
    """
    try:
        tasks = read_as(content, list[_Task])
    except JsonError as error:
        raise DataError(f"{path}: {error} Export the project as 'JSON', not 'JSON-MIN'.") from error
    problems: list[str] = []
    found: dict[str, Annotation | None] = {}
    for number, task in enumerate(tasks, start=1):
        where = f"task {number if task.id is None else task.id}"
        try:
            name, one = _image(task), _submitted(task)
        except ValueError as error:
            problems.append(f"{where} {error}")
            continue
        if name in found:
            problems.append(f"{where} is of '{name}', as another task is.")
        found[name] = None if one is None else _annotation(path, where, one, problems, ignored)
    raise_some(problems, DataError, place=path)
    return found


def name_in(url: str) -> str:
    """The path in an address as Label Studio has it: of a file served, uploaded or in a store."""
    parts = urlsplit(url, allow_fragments=False)  # uploaded files are called what they are called
    served = parse_qs(parts.query).get("d")
    return served[0] if served else unquote(parts.path)


def without_upload_prefix(name: str) -> str:
    """A name without what Label Studio puts before that of an uploaded file: `3f2a9c1b-`."""
    return re.sub(r"(^|/)[0-9a-f]{8}-(?=[^/]+$)", r"\1", name)


def _image(task: _Task) -> str:
    """The name of a task's image. Raises `ValueError` where none or several could be it."""
    texts = {key: name_in(text) for key, text in task.data.items() if isinstance(text, str)}
    images = {
        key: name
        for key, name in texts.items()
        if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
    }
    if len(images) == 1 or "image" in images:
        return images.get("image") or next(iter(images.values()))
    keys = ", ".join(images) or "nothing"
    raise ValueError(f"must have one image in its 'data'; has {keys}.")


def _submitted(task: _Task) -> _Annotation | None:
    """The annotation that counts. Raises `ValueError` where it could be any of several."""
    kept = [one for one in task.annotations if not one.was_cancelled]
    kept = [one for one in kept if one.ground_truth] or kept
    if len(kept) > 1:
        raise ValueError(
            f"has {len(kept)} annotations; keep one, or mark one of them as ground truth."
        )
    return kept[0] if kept else None


def _annotation(
    path: Path, where: str, one: _Annotation, problems: list[str], ignored: Labels
) -> Annotation:
    shapes: list[Shape] = []
    choices: list[str] = []
    left_out: list[str] = []
    sizes: set[tuple[int, int]] = set()
    for results in _regions(one.result):
        main = results[0]
        try:
            choices += [c for one in results for c in (one.value and one.value.choices) or ()]
            if main.type in ("choices", "labels"):
                continue
            named = [label for result in results if result.value for label in result.value.named()]
            kept = [label for label in named or [DEFECT] if label not in ignored]
            left_out += [label for label in named if label in ignored]
            if not kept:
                continue
            size_hw = _size_hw(main)
            sizes.add(size_hw)
            shapes += [_shape(label, main, size_hw) for label in kept]
        except ValueError as error:
            problems.append(f"{where}: region '{main.id}' {error}")
    if len(sizes) > 1:
        problems.append(f"{where} has regions on images of several sizes.")
    return annotation_of(
        path,
        shapes,
        min(sizes, default=None),
        lambda problem: problems.append(f"{where} {problem}"),
        image_labels=tuple(dict.fromkeys(choices)),
        ignored=ignored,
        left_out=left_out,
    )


def _regions(results: list[_Result]) -> Iterator[list[_Result]]:
    """Results that belong together: the shape first, if there is one, then its labels."""
    groups: dict[object, list[_Result]] = {}
    for number, result in enumerate(results):
        if result.type not in OTHERS:
            groups.setdefault(number if result.id is None else result.id, []).append(result)
    for group in groups.values():
        yield sorted(group, key=lambda result: result.type in ("choices", "labels"))


def _size_hw(result: _Result) -> tuple[int, int]:
    if result.image_rotation:
        raise ValueError("was drawn on an image turned in Label Studio; turn the file instead.")
    if not result.original_width or not result.original_height:
        raise ValueError("lacks 'original_width' or 'original_height'.")
    return result.original_height, result.original_width


def _shape(label: str, result: _Result, size_hw: tuple[int, int]) -> Shape:
    """Raises `ValueError` where it marks no area, is unknown, or damaged."""
    kind, value = result.type.removesuffix("labels"), result.value or _Value()
    height, width = size_hw
    if kind in WITHOUT_AREA:
        raise ValueError(no_area(WITHOUT_AREA[kind]))
    if kind == "brush" and value.rle is not None:
        if max(value.rle, default=0) > 255:
            raise ValueError("has brush strokes that are damaged.")
        return runs_of(label, decode(bytes(value.rle), size_hw))
    if kind == "bitmask" and value.png is not None:
        mask = mask_in(value.png)
        if mask.shape != size_hw:
            raise ValueError(f"has a bitmask of another size than {width} x {height} pixels.")
        return runs_of(label, mask)
    if kind == "polygon" and value.points is not None:
        return polygon(label, [(x * width / 100, y * height / 100) for x, y in value.points])
    if kind in {"rectangle", "ellipse"}:
        return _round_or_square(label, kind, value, size_hw)
    if kind in KINDS:
        raise ValueError(f"is a {kind} without its pixels.")
    raise ValueError(
        f"is of the unknown type '{result.type}'; known are {', '.join(KINDS)} and choices."
    )


def _round_or_square(label: str, kind: str, value: _Value, size_hw: tuple[int, int]) -> Shape:
    """A box turned about its first corner, or an ellipse about its centre."""
    sides = (value.width, value.height) if kind == "rectangle" else (value.radius_x, value.radius_y)
    height, width = size_hw
    x, y, across, down = (
        math.nan if share is None else share * side / 100
        for share, side in zip((value.x, value.y, *sides), (width, height) * 2, strict=True)
    )
    if not all(map(math.isfinite, (x, y, across, down))):
        raise ValueError(f"is a {kind} without its place or size.")
    if kind == "rectangle":
        corners = (x, y, x + across, y + down)
        return box(label, corners, degrees=value.rotation, about=(x, y))
    if not (across > 0 and down > 0):
        raise ValueError("is an ellipse without an area.")
    return Ellipse(label, (x, y), (across, down), value.rotation)
