"""Tables as text: aligned columns for a terminal, Markdown, and CSV with every digit."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator

from blemish.report.cells import Cell, Figure, Kind, main_text, side_text
from blemish.report.tables import Column, Table


def render_text(table: Table) -> str:
    """A table for a plain terminal: aligned columns, no colour, a line for each row."""
    columns = [_aligned(column, table, i) for i, column in enumerate(table.columns)]
    lines = ("  ".join(cells).rstrip() for cells in zip(*columns, strict=True))
    return "\n".join(lines) + "\n"


def render_markdown(table: Table) -> str:
    """A table in GitHub's Markdown."""
    marks = ["---" if column.kind is Kind.TEXT else "---:" for column in table.columns]
    lines = [[column.full_title for column in table.columns], marks, *_texts(table)]
    return "".join(f"| {' | '.join(escape_markdown(cell) for cell in line)} |\n" for line in lines)


def escape_markdown(text: str) -> str:
    """Text on one line, in which no character marks anything up."""
    for mark in ("\\", "|", "<", "[", "`", "*", "_"):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def render_csv(table: Table) -> str:
    """A table at full precision: `name`, `name_low`, `name_high` for each figure.

    A column that counts pictures adds `name_hits` and `name_of`. What is undefined stays empty.
    Rows of means have a category of the form `Mean of 3`.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(name for column in table.columns for name in _csv_names(column))
    for row in table.rows:
        pairs = zip(table.columns, row.cells, strict=True)
        writer.writerow(value for column, cell in pairs for value in _csv_values(column, cell))
    return stream.getvalue()


def _texts(table: Table) -> Iterator[list[str]]:
    for row in table.rows:
        yield [
            _full_text(column, cell) for column, cell in zip(table.columns, row.cells, strict=True)
        ]


def _full_text(column: Column, cell: Cell) -> str:
    main, side = main_text(cell, column.kind), side_text(cell, column.kind)
    return f"{main} ({side})" if side else main


def _aligned(column: Column, table: Table, index: int) -> list[str]:
    """Heading, rule and cells of a column, all of one width; figures line up on their right."""
    cells = [row.cells[index] for row in table.rows]
    mains = [main_text(cell, column.kind) for cell in cells]
    sides = [f" ({side})" if (side := side_text(cell, column.kind)) else "" for cell in cells]
    if column.kind is not Kind.TEXT:
        mains = _padded(mains, str.rjust)
    joined = _padded([main + side for main, side in zip(mains, sides, strict=True)], str.ljust)
    width = max(map(len, [column.full_title, *joined]))
    pad = str.ljust if column.kind is Kind.TEXT else str.rjust
    return [pad(column.full_title, width), "-" * width, *(pad(text, width) for text in joined)]


def _padded(texts: list[str], pad: Callable[[str, int], str]) -> list[str]:
    width = max(map(len, texts), default=0)
    return [pad(text, width) for text in texts]


def _csv_names(column: Column) -> tuple[str, ...]:
    if column.kind is Kind.TEXT:
        return (column.name,)
    names = (column.name, f"{column.name}_low", f"{column.name}_high")
    counts = (f"{column.name}_hits", f"{column.name}_of") if column.count else ()
    return (*names, *counts)


def _csv_values(column: Column, cell: Cell) -> tuple[object, ...]:
    if not isinstance(cell, Figure):
        return (cell or "", *("" for _ in _csv_names(column)[1:]))
    counts = (cell.counts or ("", "")) if column.count else ()
    return (cell.mean, cell.low, cell.high, *counts)
