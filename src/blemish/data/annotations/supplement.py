"""What no annotation format has a place for, in a file beside the annotations.

That is groups, metadata, and defects of which no pixel is known.

A line for each image that has any of it: `path` from the file's own folder, `label` and whether
its mask is known to be empty, `group`, `metadata`. What a person changes in the annotations
themselves wins: a label here counts only for an image on which nothing is marked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from blemish.data.annotations.annotation import Annotation
from blemish.data.shapes import Shapes
from blemish.errors import DataError, raise_some
from blemish.names import all_shown
from blemish.typed_json import JsonError, read_as

FILE = "blemish-images.jsonl"


@dataclass(frozen=True, slots=True)
class Supplement:
    """What is said of one image besides its annotation.

    Attributes:
        label: of a defect on which nothing is marked.
        empty_mask: whether that is because no pixel is defective; otherwise none is known.
        group: that it belongs to.
        metadata: what else is known of it, by name.
    """

    label: str | None = None
    empty_mask: bool = False
    group: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()


class _Line(Struct, omit_defaults=True):
    path: str
    label: str | None = None
    empty_mask: bool = False
    group: str | None = None
    metadata: dict[str, str] | None = None


def as_text(supplements: Mapping[str, Supplement]) -> str:
    """The lines of those that say anything, by the paths of their images."""
    return "".join(
        json.dumps(all_shown(_fields(path, one)), ensure_ascii=False) + "\n"
        for path, one in supplements.items()
        if one != Supplement()
    )


def read_supplement(path: Path) -> dict[Path, Supplement]:
    """What a file says, by the paths of images. Raises `DataError`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}).") from error
    found: dict[Path, Supplement] = {}
    problems = []
    for number, text in enumerate(content.splitlines(), start=1):
        try:
            line = read_as(text, _Line)
        except JsonError as error:
            problems.append(f"line {number}: {error}")
            continue
        metadata = tuple((line.metadata or {}).items())
        found[path.parent / line.path] = Supplement(
            line.label, line.empty_mask, line.group, metadata
        )
    raise_some(problems, DataError, place=path)
    return found


def supplemented(annotation: Annotation | None, more: Supplement, path: Path) -> Annotation | None:
    """An annotation with what a supplement says, the file `path`; `None` without either."""
    if more.label is None or (annotation is not None and annotation.is_marked):
        return annotation
    split = None if annotation is None else annotation.split
    return Annotation(Shapes(path) if more.empty_mask else None, (more.label,), split=split)


def _fields(path: str, one: Supplement) -> dict[str, object]:
    fields: Iterable[tuple[str, object]] = (
        ("path", path), ("label", one.label), ("empty_mask", one.empty_mask or None),
        ("group", one.group), ("metadata", dict(one.metadata) or None),
    )  # fmt: skip
    return {name: value for name, value in fields if value is not None}
