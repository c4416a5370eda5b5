"""YOLO: a text file for each image, a line for each polygon or box, in shares of the image.

`images/a.png` has its labels in `labels/a.txt`; an image with an empty file, or none, is background
and so good. Names of classes are in `data.yaml`, or in `classes.txt` beside the labels. What a
polygon covers is what pycocotools makes of it, as for COCO.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from blemish.data.annotations.annotation import Annotation, annotation_of
from blemish.data.shapes import FEWEST_CORNERS, Polygon, box, polygon
from blemish.errors import DataError, raise_some
from blemish.wording import first_few

LABELS, IMAGES = "labels", "images"
NAMES_FILES = ("classes.txt", "obj.names")
MOST_SHOWN = 60  # characters of a line
MOST_NAMES = 5
MOST_OUTSIDE = 0.01  # of 0 to 1, by rounding: as much as Ultralytics takes

_NUMBER = r"[-+]?(\d[\d.]*|\.\d+|nan|inf)(e[-+]?\d+)?"
_LINE = re.compile(rf"\s*{_NUMBER}([\s,;]+{_NUMBER}){{4,}}([\s,;].*)?", re.IGNORECASE)


def recognises(text: str) -> bool:
    """Whether a text file holds labels, by its first line; an empty one does.

    What is near to one counts, too, so that a damaged file is told and not passed over.
    """
    first = next((line for line in text.splitlines() if line.strip()), None)
    return first is None or _LINE.fullmatch(first) is not None


def read(
    path: Path, names: Mapping[int, str], *, has_keypoints: bool = False, by_place: bool = False
) -> Annotation | None:
    """What a file of labels says; `None` where it is something else by its first line.

    Args:
        path: of the file.
        names: of classes by their number; one without a name is `class 3`, say.
        has_keypoints: whether lines hold keypoints after a box.
        by_place: whether it can be nothing but labels by where it lies, whatever its first line.

    Raises:
        DataError: it has lines that are no polygon or box.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        if by_place:
            raise DataError(f"{path} cannot be read as UTF-8 text ({error}).") from error
        return None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}).") from error
    if not by_place and not recognises(text):
        return None
    problems: list[str] = []
    shapes = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                shapes.append(_shape(line, names, has_keypoints=has_keypoints))
            except ValueError as error:
                problems.append(f"line {number} {error}")
    found = annotation_of(path, list(shapes), None, problems.append)
    raise_some(problems, DataError, place=path)
    return found


def read_names(path: Path) -> dict[int, str]:
    """The names of classes in a `classes.txt`, a line each. Raises `DataError`."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 text ({error}).") from error
    return {number: line.strip() for number, line in enumerate(lines) if line.strip()}


def _shape(line: str, names: Mapping[int, str], *, has_keypoints: bool) -> Polygon:
    """Raises `ValueError` where it is neither a polygon nor a box."""
    first, *rest = line.split()
    try:
        number, values = float(first), [float(text) for text in rest]
    except ValueError:
        raise ValueError(
            f"must be a class and numbers, with spaces between; {_got(line)}"
        ) from None
    if not (number >= 0 and number.is_integer()):
        raise ValueError(f"must begin with a class, a whole number from 0 on; {_got(line)}")
    if names and number not in names:
        raise ValueError(f"is of class {int(number)}, and the classes named are {_spell(names)}.")
    if has_keypoints:
        raise ValueError(
            "has keypoints ('kpt_shape'), which mark no area; export boxes or polygons instead."
        )
    label = names.get(int(number), f"class {int(number)}")
    if not all(map(_is_share, values)):
        raise ValueError(
            f"has numbers that are no shares of width and height, from 0 to 1; {_got(line)}"
        )
    if len(values) == 4:
        x, y, width, height = values
        corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        if not all(map(_is_share, corners)):
            raise ValueError(
                "must be a class, centre x and y, width and height; as such it is a box that "
                f"reaches beyond the image; {_got(line)}"
            )
        return box(label, corners, relative=True)
    if len(values) % 2 or len(values) < 2 * FEWEST_CORNERS:
        raise ValueError(
            f"has {len(values)} numbers after the class; 4 are a box, pairs from 6 on a polygon."
        )
    return polygon(label, list(zip(values[::2], values[1::2], strict=True)), relative=True)


def _is_share(value: float) -> bool:
    return -MOST_OUTSIDE <= value <= 1 + MOST_OUTSIDE


def _got(line: str) -> str:
    shown = line.strip()
    return f"got '{shown if len(shown) <= MOST_SHOWN else shown[:MOST_SHOWN] + '...'}'."


def _spell(names: Mapping[int, str]) -> str:
    return first_few([f"{number} '{name}'" for number, name in names.items()], MOST_NAMES)
