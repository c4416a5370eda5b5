"""Tables as text: aligned columns for a terminal, Markdown, and CSV with every digit."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator

from blemish.names import no_formula
from blemish.report.cells import Cell, Spread, main_text, side_text
from blemish.report.columns import Column
from blemish.report.tables import Table
from blemish.wording import Kind


def render_text(table: Table) -> str:
    """A table for a plain terminal: aligned columns under two lines of headings, no colour."""
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

    A column with intervals adds `name_interval_low` and `name_interval_high`, one that counts
    images `name_hits` and `name_of`. What is undefined stays empty, as are intervals of means.
    Rows of means have a category of the form `Mean of 3`. Text that a spreadsheet would take for a
    formula gets an apostrophe in front (`no_formula`); figures stay figures.
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
    return f"{main_text(cell, column.kind)} {side_text(cell, column.kind)}".rstrip()


def _aligned(column: Column, table: Table, index: int) -> list[str]:
    """Headings, rule and cells of a column, all of one width; figures line up on their right."""
    cells = [row.cells[index] for row in table.rows]
    mains = [main_text(cell, column.kind) for cell in cells]
    sides = [side_text(cell, column.kind) for cell in cells]
    if column.kind is not Kind.TEXT:
        mains = _padded(mains, str.rjust)
    pairs = zip(mains, sides, strict=True)
    joined = _padded([f"{main} {side}".rstrip() for main, side in pairs], str.ljust)
    headings = [column.group, column.title] if column.group else [column.title, ""]
    width = max(map(len, [*headings, *joined]))
    pad = str.ljust if column.kind is Kind.TEXT else str.rjust
    upper, lower = (pad(heading, width) for heading in headings)
    return [upper, lower, "-" * width, *(pad(text, width) for text in joined)]


def _padded(texts: list[str], pad: Callable[[str, int], str]) -> list[str]:
    width = max(map(len, texts), default=0)
    return [pad(text, width) for text in texts]


def _csv_names(column: Column) -> tuple[str, ...]:
    if column.kind is Kind.TEXT:
        return (column.name,)
    names = (column.name, f"{column.name}_low", f"{column.name}_high")
    ends = ("interval_low", "interval_high") if column.interval else ()
    counts = ("hits", "of") if column.count else ()
    return (*names, *(f"{column.name}_{name}" for name in (*ends, *counts)))


def _csv_values(column: Column, cell: Cell) -> tuple[object, ...]:
    if not isinstance(cell, Spread):
        return (no_formula(cell or ""), *("" for _ in _csv_names(column)[1:]))
    ends = (cell.interval or ("", "")) if column.interval else ()
    counts = (cell.counts or ("", "")) if column.count else ()
    return (cell.mean, cell.low, cell.high, *ends, *counts)
