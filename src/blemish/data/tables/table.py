"""Rows of cells under named columns, each row with its place in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """A row.

    Attributes:
        place: where it is, in words: `line 3`.
        cells: as many as there are columns; texts, or what JSON and Parquet have. `None` is empty.
    """

    place: str
    cells: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds.

    Attributes:
        columns: their names as written, without blanks around; the same may be there twice.
        rows: in their order, without empty ones.
        header: where the columns are named, in words: `line 1`; empty where each row names them.
        problems: what is wrong with it, each with its place; the rows are what is left.
        notes: what was taken for granted.
        left_out: names of columns that hold no texts or numbers.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    header: str = ""
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
