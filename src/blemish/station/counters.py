"""Parts of the shift by their outcomes; after a restart they are counted from the record."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from blemish.ledger.entry import Kind, Row
from blemish.ledger.query import Query
from blemish.station.inspection import Outcome
from blemish.station.shifts import Shifts

if TYPE_CHECKING:
    from blemish.ledger.ledger import Ledger

ROWS_AT_ONCE = 2000


class ShiftCounters:
    """Counts the parts of the shift that is on.

    Args:
        shifts: when they begin.
    """

    def __init__(self, shifts: Shifts) -> None:
        self._shifts = shifts
        self._parts: Counter[str] = Counter()
        self._begin(datetime.now(UTC))

    def read(self, ledger: Ledger) -> None:
        """Count what is in the record already."""
        query = Query(kinds={Kind.INSPECTION}, since=self._start)
        before: int | None = None
        while rows := ledger.rows(query, most=ROWS_AT_ONCE, before=before):
            self._parts.update(str(row.entry.verdict) for row in rows)
            before = rows[-1].number

    def count(self, row: Row) -> None:
        """One more part."""
        if row.entry.time >= self._end:
            self._begin(row.entry.time)
        self._parts[str(row.entry.verdict)] += 1

    def to_dict(self) -> dict[str, Any]:
        """The shift and its parts, as plain JSON values."""
        now = datetime.now(UTC)
        if now >= self._end:
            self._begin(now)
        return {
            "start": self._start.isoformat(),
            "end": self._end.isoformat(),
            "parts": sum(self._parts.values()),
            "verdicts": {str(outcome): self._parts[str(outcome)] for outcome in Outcome},
        }

    def _begin(self, now: datetime) -> None:
        self._start, self._end = self._shifts.start_of(now), self._shifts.end_of(now)
        self._parts.clear()
