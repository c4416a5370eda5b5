"""Rows of a ledger as a table for other programs: CSV, or Parquet (extra `parquet`)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import IO, Any

from blemish.errors import MissingExtraError, UsageError
from blemish.files import writing_whole
from blemish.ledger.chain import COLUMNS
from blemish.ledger.entry import Row
from blemish.ledger.query import Query
from blemish.ledger.reader import Reader
from blemish.names import no_formula

NAMES = (*COLUMNS, "sha256")
BATCH = 10_000  # rows that a group of a Parquet file holds


def export_rows(reader: Reader, path: Path, query: Query) -> int:
    """Write rows to a file, all or none, in order.

    Args:
        reader: of the ledger.
        path: ends in `.csv` or `.parquet`; what is there is replaced.
        query: which rows.

    Returns:
        How many.

    Raises:
        UsageError: the path ends otherwise.
        MissingExtraError: pyarrow is not installed.
        BlemishError: it cannot be written.
    """
    write = {".csv": _write_csv, ".parquet": _write_parquet}.get(path.suffix.lower())
    if write is None:
        raise UsageError(f"'{path}' must end in .csv or .parquet.")
    with writing_whole(path) as stream:
        return write(stream, reader.each(query))


def values_of(row: Row) -> dict[str, Any]:
    """A row by the names of columns; its body as JSON text."""
    entry = row.entry
    body = json.dumps(entry.body, allow_nan=False, separators=(",", ":"))
    own = {"number": row.number, "kind": str(entry.kind), "body": body, "sha256": row.sha256}
    return {name: own[name] if name in own else getattr(entry, name) for name in NAMES}


def _write_csv(stream: IO[bytes], rows: Iterator[Row]) -> int:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(NAMES)
    count = 0
    for row in rows:
        writer.writerow(map(_cell, values_of(row).values()))
        count += 1
    text.detach()
    return count


def _cell(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return no_formula(value) if isinstance(value, str) else value


def _write_parquet(stream: IO[bytes], rows: Iterator[Row]) -> int:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtraError("a Parquet file", "parquet") from error
    kinds = {"number": arrow.int64(), "refers_to": arrow.int64(), "score": arrow.float64(),
             "threshold": arrow.float64(), "time": arrow.timestamp("us", tz="UTC")}  # fmt: skip
    schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in NAMES])
    count = 0
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        while batch := [values_of(row) for row in islice(rows, BATCH)]:
            writer.write_table(arrow.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count
