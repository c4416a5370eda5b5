"""Files that draw zones: a mask, or shapes in JSON, as LabelMe writes them or in a form of ours.

* **A mask** (PNG, TIFF, BMP): what is not zero is inspected; each grey value is a zone of its own.
* **JSON of ours**: `{"size": [width, height], "zones": [{"name": "seal", "polygon": [[x, y],
  ...]}, {"name": "thread", "ignore": true, "box": [x, y, width, height]}, {..., "circle": [x, y,
  radius]}]}`; `size` may be left out. A zone may have a `share` of the false alarms, and with it a
  threshold of its own, and a `smallest_region` in pixels.
* **JSON of LabelMe**: each polygon, rectangle or circle is a zone under its label; what is labelled
  `ignore`, or begins with that word, is not inspected.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from msgspec import Struct

from blemish.errors import DataError
from blemish.images.masks import MASK_SUFFIXES, decode_mask
from blemish.typed_json import AboveZero, JsonError, Positive, read_as
from blemish.zones.shapes import Box, Disc, Painting, Polygon, Shape, Zone

Points = list[tuple[float, float]]

FEWEST_CORNERS = 3
_IGNORED = re.compile(r"ignored?\b.*", re.IGNORECASE)


class _Zone(Struct, forbid_unknown_fields=True):
    name: str
    ignore: bool = False
    polygon: Points | None = None
    box: tuple[float, float, float, float] | None = None
    circle: tuple[float, float, float] | None = None
    share: AboveZero | None = None
    smallest_region: Positive | None = None


class _File(Struct, forbid_unknown_fields=True):
    zones: list[_Zone]
    size: tuple[Positive, Positive] | None = None


class _LabelMeShape(Struct):
    label: str
    points: Points
    shape_type: str = "polygon"


class _LabelMe(Struct, rename="camel"):
    shapes: list[_LabelMeShape]
    image_height: Positive
    image_width: Positive


class _Any(Struct):
    shapes: list[object] | None = None


Drawn = tuple[tuple[Zone, ...], tuple[int, int] | None]


def read_zones(path: Path) -> Drawn:
    """The zones that a file draws, and height and width of their image, where it tells these.

    Raises:
        DataError: it is missing, is neither a mask nor JSON, or is damaged; it has no zones.
        ImageError: a mask cannot be read.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file of zones.")
    if path.suffix.lower() in MASK_SUFFIXES:
        return _of_mask(path)
    if path.suffix.lower() != ".json":
        raise DataError(f"{path}: zones are drawn by a mask (PNG) or by shapes (JSON).")
    try:
        content = path.read_bytes()
        of_labelme = read_as(content, _Any).shapes is not None
        found = _of_labelme(content) if of_labelme else _of_ours(content)
    except (JsonError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    if not found[0]:
        raise DataError(f"{path}: draws no zone.")
    return found


def _of_mask(path: Path) -> Drawn:
    values = decode_mask(path).values
    labels = np.unique(values[values != 0])
    if not len(labels):
        raise DataError(f"{path}: all of it is zero, so nothing would be inspected.")
    names = ["inspected"] if len(labels) == 1 else [f"zone {value:g}" for value in labels]
    zones = (
        Zone(name, Painting(values == value)) for name, value in zip(names, labels, strict=True)
    )
    return tuple(zones), (values.shape[0], values.shape[1])


def _of_ours(content: bytes) -> Drawn:
    file = read_as(content, _File)
    zones = [
        Zone(zone.name, _shape(zone), zone.ignore, zone.share, zone.smallest_region)
        for zone in file.zones
    ]
    return tuple(zones), None if file.size is None else (file.size[1], file.size[0])


def _shape(zone: _Zone) -> Shape:
    given = [shape for shape in (zone.polygon, zone.box, zone.circle) if shape is not None]
    if len(given) != 1:
        raise ValueError(f"zone '{zone.name}' must have one of polygon, box and circle.")
    if zone.box is not None:
        return _box(*zone.box, name=zone.name)
    if zone.circle is not None:
        return _disc(*zone.circle, name=zone.name)
    return _polygon(zone.polygon or [], zone.name)


def _of_labelme(content: bytes) -> Drawn:
    file = read_as(content, _LabelMe)
    zones = [
        Zone(shape.label, one, ignored=_IGNORED.fullmatch(shape.label.strip()) is not None)
        for shape, one in zip(file.shapes, _shapes(file.shapes), strict=True)
    ]
    return tuple(zones), (file.image_height, file.image_width)


def _shapes(shapes: list[_LabelMeShape]) -> Iterator[Shape]:
    for shape in shapes:
        if shape.shape_type == "polygon":
            yield _polygon(shape.points, shape.label)
        elif shape.shape_type in ("rectangle", "circle") and len(shape.points) == 2:
            (x0, y0), (x1, y1) = shape.points
            if shape.shape_type == "circle":
                yield _disc(x0, y0, math.hypot(x1 - x0, y1 - y0), name=shape.label)
            else:
                left, top = min(x0, x1), min(y0, y1)
                yield _box(left, top, abs(x1 - x0), abs(y1 - y0), name=shape.label)
        else:
            raise ValueError(
                f"zone '{shape.label}' is a {shape.shape_type} of {len(shape.points)} points; "
                "zones are polygons, rectangles and circles."
            )


def _polygon(points: Points, name: str) -> Polygon:
    if len(points) < FEWEST_CORNERS:
        raise ValueError(f"zone '{name}' has {len(points)} corners, and a polygon 3 or more.")
    _check_finite([value for point in points for value in point], name)
    return Polygon(tuple(points))


def _box(x: float, y: float, width: float, height: float, *, name: str) -> Box:
    _check_finite([x, y, width, height], name)
    if min(width, height) <= 0:
        raise ValueError(f"zone '{name}' is {width:g} x {height:g} pixels; it has no area.")
    return Box(x, y, width, height)


def _disc(x: float, y: float, radius: float, *, name: str) -> Disc:
    _check_finite([x, y, radius], name)
    if radius <= 0:
        raise ValueError(f"zone '{name}' has a radius of {radius:g}; it has no area.")
    return Disc(x, y, radius)


def _check_finite(values: list[float], name: str) -> None:
    if not all(map(math.isfinite, values)):
        raise ValueError(f"zone '{name}' has a coordinate that is no number.")
