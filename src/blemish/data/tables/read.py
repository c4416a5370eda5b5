"""A table from a file, by what its name ends in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from blemish.data.tables.delimited import parse_delimited
from blemish.data.tables.json_rows import parse_json
from blemish.data.tables.parquet import read_parquet
from blemish.data.tables.table import Table
from blemish.data.tables.text import read_text

JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
PARQUET_SUFFIXES = frozenset({".parquet"})
TABLE_SUFFIXES = frozenset({".csv", ".tsv"}) | JSON_SUFFIXES | PARQUET_SUFFIXES


def read_table(path: Path, known: Callable[[str], bool]) -> Table:
    """The rows of a JSON or Parquet file; a file of any other name is delimited text.

    Args:
        path: of the file.
        known: whether the name of a column means something to whoever reads it.

    Raises:
        DataError: the file cannot be read, or is no text.
        MissingExtraError: it is Parquet, and pyarrow is not installed.
    """
    suffix = path.suffix.lower()
    if suffix in PARQUET_SUFFIXES:
        return read_parquet(path)
    text, notes = read_text(path)
    table = parse_json(text) if suffix in JSON_SUFFIXES else parse_delimited(text, known)
    return replace(table, notes=(*notes, *table.notes))
