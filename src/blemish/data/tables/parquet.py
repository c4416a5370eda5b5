"""Parquet as rows, through pyarrow. Bytes and structures, such as images in cells, are left out."""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from typing import Any

from blemish.data.tables.table import Row, Table
from blemish.errors import DataError, MissingExtraError
from blemish.names import shown
from blemish.wording import listed

INDEX = "__index_level_"  # what pandas adds for itself


def read_parquet(path: Path) -> Table:
    """The rows of a Parquet file.

    Raises:
        DataError: it cannot be read.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        parquet, types = import_module("pyarrow.parquet"), import_module("pyarrow.types")
    except ImportError as error:
        raise MissingExtraError("a Parquet file", "parquet") from error
    try:
        with path.open("rb") as stream:
            file = parquet.ParquetFile(stream)
            fields = [field for field in file.schema_arrow if not field.name.startswith(INDEX)]
            kept = [field.name for field in fields if _is_plain(field.type, types)]
            if len(set(kept)) < len(kept):
                raise ValueError(f"column '{max(kept, key=kept.count)}' is there twice")
            columns = [file.read(columns=[name]).column(0).to_pylist() for name in kept]
    except (OSError, ValueError) as error:  # pyarrow's own errors are some of these
        said = getattr(error, "strerror", None) or str(error).strip().splitlines()[0]
        raise DataError(f"{path} cannot be read as Parquet ({shown(said)}).") from error
    left_out = [field.name for field in fields if field.name not in kept]
    rows = zip(*columns, strict=True)
    return Table(
        columns=tuple(name.strip() for name in kept),
        rows=tuple(Row(f"row {n}", tuple(map(_cell, row))) for n, row in enumerate(rows, start=1)),
        notes=(f"Left out, as they hold no texts or numbers: {listed(left_out)}.",)
        if left_out
        else (),
        left_out=tuple(left_out),
    )


def _is_plain(kind: Any, types: Any) -> bool:
    """Whether cells are texts, numbers, times, or lists of texts."""
    if types.is_list(kind) or types.is_large_list(kind):
        return bool(types.is_string(kind.value_type) or types.is_large_string(kind.value_type))
    if types.is_dictionary(kind):
        return _is_plain(kind.value_type, types)
    return not (types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind))


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() or None
    return None if isinstance(value, float) and math.isnan(value) else value
