"""The false-alarm rate that calibration promised beside the one that was seen on test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from blemish.binomial import CONFIDENCE, rate_range
from blemish.records.grouping import Group, group_records
from blemish.records.record import AnyRecord, Record
from blemish.report.cells import Cell, Spread
from blemish.report.columns import (
    CATEGORY,
    DETECTOR,
    OBSERVED,
    PROMISED,
    PROMISED_AT_MOST,
    Column,
    false_alarms,
)
from blemish.report.tables import Row, Table, over_seeds, without_detector
from blemish.wording import Kind, rate_text

NOTE = (
    "Promised is the rate for good images like the training ones, on average over sets of "
    "calibration images, of which some are easier than others; beside it what the rate stays "
    "under for 95 of 100 such sets. The range holds all rates that fit the observed count "
    "(binomial, 95%): few good images can hardly contradict a promise."
)
REGIONS_NOTE = " False regions are those that a thousand good images show."
MARKED_NOTE = " What is marked as model-based or by costs is no promise."
FIGURES = (PROMISED, PROMISED_AT_MOST, OBSERVED)


def _expected_regions(record: Record) -> float | None:
    regions = record.calibration and record.calibration.false_regions
    return regions.regions_per_thousand if regions else None


RANGE = Column("false_alarm_rate_range", "Rates that fit", Kind.TEXT)
READING = Column("promise_kept", "Reading", Kind.TEXT)
EXPECTED_REGIONS = Column(
    "false_regions_expected",
    "Expected",
    Kind.COUNT,
    "False regions",
    read=_expected_regions,
)
SEEN_REGIONS = Column("false_regions_seen", "Seen", Kind.COUNT, "False regions")
MARKS = {"model-based": "model-based; ", "costs": "by costs; "}


def promise_table(records: Sequence[AnyRecord]) -> Table:
    """A row for each category and detector that was calibrated and has good test images."""
    rows = [row for group in group_records(records) if (row := _row(group))]
    columns: tuple[Column, ...] = (CATEGORY, DETECTOR, *FIGURES, RANGE, READING)
    note = NOTE
    groups = [row.group for row in rows if row.group]
    regions = [_regions(group.records) for group in groups]
    if any(expected for expected, _ in regions):  # older records do not tell
        columns, note = (*columns, EXPECTED_REGIONS, SEEN_REGIONS), note + REGIONS_NOTE
        rows = [replace(r, cells=r.cells + more) for r, more in zip(rows, regions, strict=True)]
    if any(map(_mark, groups)):
        note += MARKED_NOTE
    table = Table("False alarms, promised and observed", columns, tuple(rows), note)
    return table if len({row.cells[1] for row in rows}) > 1 else without_detector(table)


def _row(group: Group) -> Row | None:
    figures = [over_seeds(column, group.records) for column in FIGURES]
    promised, _, observed = figures
    counts = [count for record in group.records if (count := false_alarms(record))]
    if promised is None or observed is None or not counts:
        return None
    ranges = [rate_range(*count, confidence=CONFIDENCE) for count in counts]
    # Seeds share their test images, so that counts added up would feign more of them.
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    told: tuple[Cell, ...] = (
        f"{rate_text(low)} to {rate_text(high)}",
        _mark(group) + _read(promised, low, high),
    )
    return Row((group.category, group.detector, *figures, *told), group)


def _mark(group: Group) -> str:
    """What a reading is to be introduced by, where the rate is no promise."""
    calibration = group.records[0].calibration
    return MARKS.get(calibration.basis or "", "") if calibration else ""


def _regions(records: Sequence[Record]) -> tuple[Spread | None, Spread | None]:
    """False regions in a thousand good images, expected and seen."""
    return over_seeds(EXPECTED_REGIONS, records), _seen_regions(records)


def _seen_regions(records: Sequence[Record]) -> Spread | None:
    """Regions shown in a thousand good test images; `None` where no record has any."""
    shown = [
        [len(row.regions) for row in record.images if row.label == "good"] for record in records
    ]
    rates = [1000 * sum(counts) / len(counts) for counts in shown if counts]
    return Spread(sum(rates) / len(rates), min(rates), max(rates)) if rates else None


def _read(promised: Spread, low: float, high: float) -> str:
    if low > promised.mean:
        return "more than promised"
    return "less than promised" if high < promised.mean else "fits the promise"
