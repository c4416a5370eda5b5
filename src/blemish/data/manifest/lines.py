"""What each row of a manifest says, before any file is looked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from blemish.data.manifest.cells import NOTHING, something, text_of
from blemish.data.manifest.columns import Column, Columns
from blemish.data.manifest.labels import against_folders, read_kinds
from blemish.data.manifest.places import local_path, trouble_of
from blemish.data.manifest.told import Told
from blemish.data.manifest.vocabulary import ends_in
from blemish.data.split import Split
from blemish.data.tables import Table
from blemish.data.words import split_named
from blemish.images.masks import MASK_SUFFIXES
from blemish.images.read import IMAGE_SUFFIXES
from blemish.result import GOOD
from blemish.typed_json import LONGEST_TEXT, JsonError, read_json

_APART = re.compile(r"\s*[;|]\s*")  # several masks in a cell

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Line:
    """What a row says; `None` and empty texts where that is nothing, or was told as a problem."""

    place: str
    image: str
    kind: str | None
    masks: tuple[str, ...]
    split: Split | None
    group: str | None
    metadata: tuple[tuple[str, str], ...]


def read_lines(table: Table, columns: Columns, told: Told) -> Iterator[Line]:
    """What each row says; what is wrong with it is told."""
    places = [row.place for row in table.rows]
    kinds = read_kinds(columns, places, told)
    images = [text_of(cell) for cell in columns.path.cells]
    against_folders(kinds, images, places, told)
    for n, place in enumerate(places):
        tell = at_place(place, told)
        yield Line(
            place=place,
            image=_image(columns.path, n, tell),
            kind=kinds.kinds[n],
            masks=() if columns.mask is None else _masks(columns.mask, n, tell),
            split=_split(columns.split, n, kinds.kinds[n], tell),
            group=None if columns.group is None else _group(columns.group, n, tell),
            metadata=_metadata(columns.metadata, n, tell),
        )


def at_place(place: str, told: Told) -> Tell:
    """To tell of problems at a place."""
    return lambda problem: told.problems.append(f"{place}: {problem}")


def _image(column: Column, n: int, tell: Tell) -> str:
    cell = column.cells[n]
    if cell is None:
        tell(f"'{column.name}' is empty.")
        return ""
    return _path(column.name, cell, IMAGE_SUFFIXES, tell)


def _path(name: str, cell: Any, suffixes: frozenset[str], tell: Tell) -> str:
    """A text that may be a path to a file of some kinds; empty after telling why it is none."""
    if not isinstance(cell, str):
        tell(f"'{name}' must be a text; got {cell!r}.")
        return ""
    path = local_path(cell)
    if problem := trouble_of(path):
        tell(f"'{name}' {problem}")
        return ""
    if not ends_in(path, suffixes):
        tell(f"'{name}' must be an image ({', '.join(sorted(suffixes))}); got '{path}'.")
        return ""
    return path


def _masks(column: Column, n: int, tell: Tell) -> tuple[str, ...]:
    """The masks of an image: one path, or several as a JSON array or apart by `;` or `|`."""
    cell = column.cells[n]
    if cell is None or (isinstance(cell, str) and cell.casefold() in NOTHING):
        return ()
    if isinstance(cell, str) and cell.startswith("[") and cell.endswith("]"):
        try:
            cell = read_json(cell)
        except JsonError:
            tell(f"'{column.name}' must be a path or a JSON array of paths; got '{cell}'.")
            return ()
    elif isinstance(cell, str):
        parts = _APART.split(cell)
        cell = parts if all(ends_in(part, MASK_SUFFIXES) for part in parts) else [cell]
    cells = cell if isinstance(cell, list) else [cell]
    paths = [_path(column.name, one, MASK_SUFFIXES, tell) for one in cells]
    return tuple(dict.fromkeys(filter(None, paths)))


def _split(column: Column | None, n: int, kind: str | None, tell: Tell) -> Split | None:
    text = "" if column is None else something(column.cells[n])
    if column is None or not text:
        return None
    split = split_named(text)
    if split is None:
        tell(f"'{column.name}' must be train, validation, test or empty; got '{text}'.")
    elif split != "test" and kind not in (None, GOOD):
        name = "training" if split == "train" else split
        tell(f"'{kind}' is a defect and must not be in the {name} split.")
    return split


def _group(column: Column, n: int, tell: Tell) -> str | None:
    cell = column.cells[n]
    if isinstance(cell, list | dict):
        tell(f"'{column.name}' must be a text or a number; got {cell!r}.")
        return None
    return something(cell) or None


def _metadata(columns: Sequence[Column], n: int, tell: Tell) -> tuple[tuple[str, str], ...]:
    pairs = tuple((column.name, text_of(column.cells[n])) for column in columns)
    for name, text in pairs:
        if len(text) > LONGEST_TEXT:
            tell(f"'{name}' has {len(text):,} characters; at most {LONGEST_TEXT:,} are kept.")
    return pairs
