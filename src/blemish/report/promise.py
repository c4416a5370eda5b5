"""The false-alarm rate that calibration promised beside the one that was seen on test pictures."""

from __future__ import annotations

from collections.abc import Sequence

from blemish.calibration import upper_bound
from blemish.report.cells import Cell, Figure, Kind, rate_text
from blemish.report.columns import (
    CATEGORY,
    DETECTOR,
    OBSERVED,
    PROMISED,
    PROMISED_AT_MOST,
    Column,
    false_alarms,
)
from blemish.report.records import Group, Record, group_records
from blemish.report.tables import Row, Table, over_seeds, without_detector

CONFIDENCE = 0.95
NOTE = (
    "Promised is the rate for good pictures like the training ones, on average over sets of "
    "calibration pictures, of which some are easier than others; beside it what the rate stays "
    "under for 95 of 100 such sets. The range holds all rates that fit the observed count "
    "(binomial, 95%): few good pictures can hardly contradict a promise."
)
FIGURES = (PROMISED, PROMISED_AT_MOST, OBSERVED)
RANGE = Column("false_alarm_rate_range", "Rates that fit", Kind.TEXT)
READING = Column("promise_kept", "Reading", Kind.TEXT)


def promise_table(records: Sequence[Record]) -> Table:
    """A row for each category and detector that was calibrated and has good test pictures."""
    rows = [row for group in group_records(records) if (row := _row(group))]
    columns = (CATEGORY, DETECTOR, *FIGURES, RANGE, READING)
    table = Table("False alarms, promised and observed", columns, tuple(rows), NOTE)
    return table if len({row.cells[1] for row in rows}) > 1 else without_detector(table)


def binomial_range(hits: int, total: int) -> tuple[float, float]:
    """The rates that fit `hits` of `total` (Clopper and Pearson, 1934), 95 %, two-sided."""
    return 1 - _most(total - hits, total), _most(hits, total)


def _most(hits: int, total: int) -> float:
    """The highest rate that still gives so few hits in 2.5 % of all cases."""
    if hits == total:
        return 1.0
    return upper_bound(total, (hits + 1) / (total + 1), confidence=(1 + CONFIDENCE) / 2)


def _row(group: Group) -> Row | None:
    figures = [over_seeds(column, group.records) for column in FIGURES]
    promised, _, observed = figures
    counts = [count for record in group.records if (count := false_alarms(record))]
    if promised is None or observed is None or not counts:
        return None
    ranges = [binomial_range(*count) for count in counts]
    # Seeds share their test pictures, so that counts added up would feign more of them.
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    told: tuple[Cell, ...] = (f"{rate_text(low)} to {rate_text(high)}", _read(promised, low, high))
    return Row((group.category, group.detector, *figures, *told), group)


def _read(promised: Figure, low: float, high: float) -> str:
    if low > promised.mean:
        return "more than promised"
    return "less than promised" if high < promised.mean else "fits the promise"
