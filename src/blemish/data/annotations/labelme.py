"""LabelMe: a JSON file for each image, shapes in it; `mask` shapes as a PNG within a box.

What a shape covers is LabelMe's own rule (`labelme.utils.shape`): what Pillow draws of it, border
and all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from blemish.data.annotations.annotation import (
    NO_LABELS,
    Annotations,
    Labels,
    annotation_of,
    no_area,
)
from blemish.data.annotations.embedded import mask_in
from blemish.data.shapes import FEWEST_CORNERS, Shape, Stroke, packed, runs_of
from blemish.errors import DataError, raise_some
from blemish.typed_json import Count, JsonError, read_as

POLYGONS = ("polygon", "oriented_rectangle", "rotation")  # the last is X-AnyLabeling's
WITHOUT_AREA = ("point", "points", "line", "linestrip")
KEYS = frozenset({"shapes", "imagePath"})


class _Shape(Struct):
    label: str | int
    points: list[tuple[float, float]]
    shape_type: str | None = None
    mask: str | None = None


class _File(Struct, rename="camel"):
    shapes: list[_Shape]
    image_path: str
    image_height: Count | None = None
    image_width: Count | None = None
    flags: dict[str, bool] | None = None


def read(path: Path, content: bytes, ignored: Labels = NO_LABELS) -> Annotations:
    """What a file of LabelMe says, by the path of its image in it.

    Args:
        path: of the file, for messages.
        content: of it.
        ignored: labels that are left out.

    Raises:
        DataError: it is damaged, or has shapes that mark no area or are unknown.
    """
    problems: list[str] = []
    try:
        file = read_as(content, _File)
    except JsonError as error:
        raise DataError(f"{path}: {error}") from error
    size_hw = None
    if file.image_height and file.image_width:
        size_hw = (file.image_height, file.image_width)
    shapes, left_out = [], []
    for number, one in enumerate(file.shapes, start=1):
        if str(one.label) in ignored:
            left_out.append(str(one.label))
            continue
        try:
            shapes.append(_shape(one))
        except ValueError as error:
            problems.append(f"shape {number} ('{one.label}') {error}")
    flags = tuple(name for name, is_set in (file.flags or {}).items() if is_set)
    found = annotation_of(
        path,
        shapes,
        size_hw,
        problems.append,
        image_labels=flags,
        ignored=ignored,
        left_out=left_out,
    )
    raise_some(problems, DataError, place=path)
    return {file.image_path: found}


def _shape(shape: _Shape) -> Shape:
    """Raises `ValueError` where it is of a kind that marks no area, or damaged."""
    label, kind = str(shape.label), shape.shape_type or "polygon"
    if kind == "mask":
        return _mask(label, shape)
    if kind in POLYGONS:
        _check_points(shape.points, kind, range(FEWEST_CORNERS, len(shape.points) + 1))
        return Stroke(label, "polygon", packed(shape.points))
    if kind == "rectangle":
        _check_points(shape.points, kind, (2, 4))
        return Stroke(label, "rectangle", packed(shape.points))
    if kind == "circle":
        _check_points(shape.points, kind, (2,))
        return Stroke(label, "circle", packed(shape.points))
    if kind in WITHOUT_AREA:
        raise ValueError(no_area(kind))
    raise ValueError(
        f"is of the unknown type '{kind}'; known are polygon, rectangle, oriented_rectangle, "
        "circle and mask."
    )


def _check_points(points: Sequence[object], kind: str, allowed: Sequence[int]) -> None:
    if len(points) not in allowed:
        wanted = " or ".join(map(str, allowed)) or f"{FEWEST_CORNERS} or more"
        raise ValueError(f"has {len(points)} points, and a {kind} {wanted}.")


def _mask(label: str, shape: _Shape) -> Shape:
    _check_points(shape.points, "mask", (2,))
    (x0, y0), (x1, y1) = ((int(x), int(y)) for x, y in shape.points)
    mask = mask_in(shape.mask or "")
    if mask.shape != (y1 - y0 + 1, x1 - x0 + 1):
        raise ValueError(
            f"has a mask of {mask.shape[1]} x {mask.shape[0]} pixels in a box of "
            f"{x1 - x0 + 1} x {y1 - y0 + 1} (width x height)."
        )
    return runs_of(label, mask, (x0, y0))
