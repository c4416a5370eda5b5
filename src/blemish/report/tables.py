"""Records in, tables out: value objects that the page, Markdown, CSV and terminals all print.

Pure: no file is read or written here. Over several seeds a figure is their mean, with the lowest
and highest beside it; of one run it has its interval. What is undefined is `None`, and left out of
means.
Counts behind a rate are there where the record lists its images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from blemish.records.findings import Interval, RegionsOfSize
from blemish.records.grouping import Group, group_records
from blemish.records.record import AnyRecord, Record
from blemish.report.cells import Cell, Spread
from blemish.report.columns import (
    ALL,
    AT_THRESHOLD,
    BRIEF,
    BY_SIZE,
    CATEGORY,
    COST,
    DETECTOR,
    LOCATING,
    MAIN,
    MISSION,
    PER_TYPE,
    SEPARATING,
    Column,
)
from blemish.wording import Kind


@dataclass(frozen=True, slots=True)
class Row:
    """A row; `group` is where its figures are from, where there is one."""

    cells: tuple[Cell, ...]
    group: Group | None = None
    is_mean: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table: `note` is a sentence that a reader needs to read it rightly, or empty."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""


PEEKING_NOTE = (
    "These figures ask how well raw scores separate good from defect, whatever the threshold. "
    "F1-max is the F1 at the best threshold that the labels of the test images allow, recall the "
    "share of defects found at the lowest threshold with so many false alarms among the good test "
    "images: both peek, and no line will reach them without labels."
)
LOCATING_NOTE = (
    "These figures ask how well the maps tell defective pixels from all others, whatever the "
    "threshold. AU-PRO gives small defects the weight of large ones; F1-max peeks here, too."
)
THRESHOLD_NOTE = (
    "These figures are what the line would see. The threshold comes from good training images "
    "alone, for the rate of false alarms that was promised; no test label moved it, so F1 here is "
    "not F1-max. Regions found is the share of labelled regions with a pixel above the threshold."
)


def main_table(records: Sequence[AnyRecord]) -> Table:
    """Category | Image AUROC | Image F1-max | Pixel AUROC | Pixel F1-max | AU-PRO, to 0.3."""
    return _table("Results", MAIN, records)


def brief_table(records: Sequence[AnyRecord]) -> Table:
    """The main table with the interval of image AUROC alone: narrow enough for a terminal."""
    return _table("Results", BRIEF, records)


def mission_table(records: Sequence[AnyRecord]) -> Table:
    """Category | Image AUROC | Image F1-max | Pixel AUROC | Pixel F1-max, detectors named."""
    return _table("Results", MISSION, records, name_detector=True)


def separating_table(records: Sequence[AnyRecord]) -> Table:
    """How well raw scores separate good images from defects."""
    return _table("How well the scores separate", SEPARATING, records, note=PEEKING_NOTE)


def locating_table(records: Sequence[AnyRecord]) -> Table:
    """How well raw maps tell where the defects are."""
    return _table("How well the maps locate", LOCATING, records, note=LOCATING_NOTE)


def threshold_table(records: Sequence[AnyRecord]) -> Table:
    """What happens at the threshold that was calibrated on good images."""
    return _table("At the calibrated threshold", AT_THRESHOLD, records, note=THRESHOLD_NOTE)


def cost_table(records: Sequence[AnyRecord]) -> Table:
    """Time, memory and size."""
    return _table("Time and memory", COST, records)


def full_table(records: Sequence[AnyRecord]) -> Table:
    """Every figure of the other tables, each once: what goes to CSV."""
    return _table("All figures", ALL, records, name_detector=True)


def per_type_table(group: Group) -> Table:
    """Figures by defect type, of one category under one detector."""
    found = [record.figures.per_type for record in group.records]
    return _by_kind("By defect type", Column("defect_type", "Defect type", Kind.TEXT), PER_TYPE,
                    found)  # fmt: skip


def by_size_table(group: Group) -> Table:
    """Labelled regions by their size, and how many of them were found."""
    known = [record.figures.regions for record in group.records]
    found = [{_size_text(row): row for row in one.by_size} if one else {} for one in known]
    return _by_kind("Regions by size", Column("size", "Size", Kind.TEXT), BY_SIZE, found)


def _by_kind(
    title: str,
    kinds: Column,
    columns: Sequence[Column],
    found: Sequence[Mapping[str, Any]],
) -> Table:
    """A row for each kind of thing that any of the records tells of."""
    rows = [
        Row((kind, *(over_seeds(column, [one[kind] for one in found if kind in one])
                     for column in columns)))
        for kind in dict.fromkeys(kind for one in found for kind in one)
    ]  # fmt: skip
    return Table(title, (kinds, *columns), tuple(rows))


def _size_text(row: RegionsOfSize) -> str:
    """`10 to 99 px`, in pixels of the image as it is."""
    return f"{row.from_px:,} to {row.below_px - 1:,} px"


def failures(groups: Sequence[Group]) -> list[str]:
    """A sentence for each job that failed."""
    return [
        f"{group.category}, {group.detector}, seed {record.seed}: {record.error}"
        for group in groups
        for record in group.failed
    ]


def _table(
    title: str,
    figures: Sequence[Column],
    records: Sequence[AnyRecord],
    *,
    note: str = "",
    name_detector: bool = False,
) -> Table:
    """A row for each category and detector, then the means of each detector that ran on several.

    The column of detectors is left out where there is just one, unless `name_detector`.
    """
    groups = group_records(records)
    detectors = list(dict.fromkeys(group.detector for group in groups))
    rows = [_row(group, figures) for group in groups]
    rows += [
        mean
        for detector in detectors
        if (mean := _mean_row(detector, [row for row in rows if row.cells[1] == detector]))
    ]
    table = Table(title, (CATEGORY, DETECTOR, *figures), tuple(rows), note)
    return table if len(detectors) > 1 or name_detector else without_detector(table)


def without_detector(table: Table) -> Table:
    """A table without its second column, for where there is just one detector."""
    first, _, *columns = table.columns
    rows = [Row((row.cells[0], *row.cells[2:]), row.group, row.is_mean) for row in table.rows]
    return replace(table, columns=(first, *columns), rows=tuple(rows))


def _row(group: Group, figures: Sequence[Column]) -> Row:
    cells = (over_seeds(column, group.records) for column in figures)
    return Row((group.category, group.detector, *cells), group)


def _mean_row(detector: str, rows: Sequence[Row]) -> Row | None:
    """The means over the categories that did not fail; `None` of fewer than two."""
    ended = [row.cells[2:] for row in rows if row.group and row.group.records]
    if len(ended) < 2:
        return None
    means = (_mean_of(cells) for cells in zip(*ended, strict=True))
    return Row((f"Mean of {len(ended)}", detector, *means), is_mean=True)


def over_seeds(column: Column, records: Sequence[Any]) -> Spread | None:
    """A figure over records that differ in their seed; `None` where it is undefined in all."""
    values = [column.read(record) for record in records] if column.read else []
    known = [float(value) for value in values if value is not None]
    if not known:
        return None
    counts = [column.count(record) for record in records] if column.count else []
    summed = [count for count in counts if count is not None]
    hits, total = sum(hit for hit, _ in summed), sum(of for _, of in summed)
    # A sum over some seeds only would not fit the rate beside it.
    complete = bool(summed) and len(summed) == len(records)
    return Spread(
        math.fsum(known) / len(known),
        min(known),
        max(known),
        counts=(hits, total) if complete else None,
        interval=_interval(column, records[0]) if len(records) == 1 else None,
    )


def _interval(column: Column, record: Record) -> Interval | None:
    """The interval of a figure of one run; `None` where the record has none."""
    return column.interval(record) if column.interval else None


def _mean_of(cells: Sequence[Cell]) -> Spread | None:
    """The mean of the categories' means; a spread over categories would be read as one of seeds."""
    figures = [cell for cell in cells if isinstance(cell, Spread)]
    if not figures:
        return None
    mean = math.fsum(figure.mean for figure in figures) / len(figures)
    return Spread(mean, mean, mean, mean_of=len(figures) if len(figures) < len(cells) else None)
