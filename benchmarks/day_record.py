"""The day's record of a benchmark: rows that are there already are not measured again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RECORDS = Path(__file__).parent / "records"

Row = dict[str, Any]


class DayRecord:
    """Rows, and the file that holds them with the machine and the versions they came from.

    Args:
        name: of the benchmark; the file is `records/NAME-DATE.json`.
    """

    def __init__(self, name: str) -> None:
        self._path = RECORDS / f"{name}-{datetime.now(UTC).date().isoformat()}.json"
        known = self._path.exists()
        self.rows: list[Row] = json.loads(self._path.read_text())["rows"] if known else []

    def holds(self, case: Mapping[str, Any]) -> bool:
        """Whether a row has all these values."""
        return any(case.items() <= row.items() for row in self.rows)

    def add(self, *rows: Row) -> None:
        """Print rows and write them with the others."""
        from blemish.records.machine import machine, versions

        self.rows += rows
        for row in rows:
            print(json.dumps(row), flush=True)
        record = {"machine": machine(), "versions": versions(), "rows": self.rows}
        self._path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
