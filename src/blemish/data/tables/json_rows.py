"""JSON as rows: an object a line, an array of objects, or an object that holds such an array.

Lines end at line feeds alone: a text may hold other characters that Unicode calls ends of lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from blemish.data.tables.table import Row, Table
from blemish.typed_json import JsonError, read_json

HOLDERS = ("images", "samples", "data", "items", "rows")  # of an array of rows
# What annotation tools write beside or in such rows; other readers know what it means.
ANNOTATIONS = frozenset({"annotations", "categories", "shapes", "regions", "objects", "segments"})

Numbered = Iterator[tuple[str, Any]]


def parse_json(text: str) -> Table:
    """The rows of a JSON text, whichever of the forms it has."""
    problems: list[str] = []
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for place, value in _values(text, problems.append):
        if isinstance(value, dict):
            rows.append((place, value))
        else:
            problems.append(f"{place}: must be a JSON object.")
    return _table(rows, problems)


def looks_like_rows(text: str, known: Callable[[str], bool]) -> bool:
    """Whether a JSON text holds rows, of which the first has a text under a column that is known.

    One that is no JSON at all is said to, if it begins as an array or as lines of objects do.
    """
    try:
        value = read_json(text)
    except JsonError:
        first = text.lstrip("\ufeff \t\r\n").partition("\n")[0].strip()
        if not first.startswith("{"):
            return first.startswith("[")
        try:
            return _is_row(read_json(first), known)
        except JsonError:
            return False
    rows = value if isinstance(value, list) else _held(value)
    return bool(rows) and _is_row(rows[0], known)


def _is_row(value: Any, known: Callable[[str], bool]) -> bool:
    return (
        isinstance(value, dict)
        and not ANNOTATIONS & set(value)
        and any(known(name) and isinstance(cell, str) for name, cell in value.items())
    )


def _held(value: Any) -> Sequence[Any]:
    """The rows that an object holds under one of the usual names, if that is plain."""
    if not isinstance(value, dict) or ANNOTATIONS & set(value):
        return ()
    lists = [value[name] for name in HOLDERS if isinstance(value.get(name), list)]
    return lists[0] if len(lists) == 1 and lists[0] and isinstance(lists[0][0], dict) else ()


def _values(text: str, tell: Callable[[str], None]) -> Numbered:
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("["):
        yield from _entries(text, tell)
        return
    try:
        held = _held(read_json(text))
    except JsonError:
        held = ()
    yield from _counted(held) if held else _lines(text, tell)


def _entries(text: str, tell: Callable[[str], None]) -> Numbered:
    try:
        yield from _counted(read_json(text))
    except JsonError as error:
        tell(str(error))


def _counted(values: Iterable[Any]) -> Numbered:
    return ((f"entry {number}", value) for number, value in enumerate(values, start=1))


def _lines(text: str, tell: Callable[[str], None]) -> Numbered:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", read_json(line)
        except JsonError as error:
            tell(f"line {number}: {error}")


def _table(rows: Sequence[tuple[str, Mapping[str, Any]]], problems: Iterable[str]) -> Table:
    """Rows under all names that any of them has; of one that lacks a name, that cell is empty."""
    names = list(dict.fromkeys(name for _, row in rows for name in row))
    return Table(
        columns=tuple(name.strip() for name in names),
        rows=tuple(
            Row(place, tuple(map(_cell, (row.get(name) for name in names)))) for place, row in rows
        ),
        problems=tuple(problems),
    )


def _cell(value: Any) -> Any:
    return value.strip() or None if isinstance(value, str) else value
