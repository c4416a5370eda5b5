"""What the tables of several benchmarks share."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]
Row = dict[str, Any]


def headed(*names: str) -> list[str]:
    """The first two lines of a table."""
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]


def made(record: Record) -> str:
    """When it was measured, and on what."""
    machine = record["machine"]
    return f"{record['date']}, {machine['cores']} cores ({machine['processor']})."
