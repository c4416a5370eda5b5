"""Records in, tables out: value objects that the page, Markdown, CSV and terminals all print.

Pure: no file is read or written here. Over several seeds a figure is their mean, with the lowest
and highest beside it; a figure that is undefined is `None`, and left out of means.
Counts behind a rate are there where the record lists its pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blemish.report.cells import Cell, Figure, Kind
from blemish.report.records import Group, Record, flagged, group_records, look_up, number, text

Count = Callable[[Record], tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `name` for scripts, `title` for readers under a shared `group` heading.

    `path` is where its figure is in a record, `count` counts the pictures behind a rate.
    """

    name: str
    title: str
    kind: Kind
    group: str = ""
    path: tuple[str, ...] = ()
    count: Count | None = None

    @property
    def full_title(self) -> str:
        """The title with its group, for where there is just one line of headings."""
        if not self.group:
            return self.title
        acronym = self.title[:2].isupper()
        title = self.title if acronym else self.title[0].lower() + self.title[1:]
        return f"{self.group} {title}"


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


def false_alarms(record: Record) -> tuple[int, int] | None:
    """Good test pictures that were flagged, of how many."""
    return flagged(record, "good")


def misses(record: Record) -> tuple[int, int] | None:
    """Defect test pictures that passed, of how many."""
    found = flagged(record, "defect")
    return None if found is None else (found[1] - found[0], found[1])


def _level(level: str, *names: str) -> tuple[Column, ...]:
    """Columns of figures at image or pixel level."""
    titles = {"auroc": "AUROC", "ap": "AP", "f1_max": "F1-max", "f1": "F1"}
    heading = level.capitalize()
    return tuple(
        Column(f"{level}_{name}", titles[name], Kind.SHARE, heading, ("figures", level, name))
        for name in names
    )


def _rate(name: str, title: str, *path: str, count: Count | None = None) -> Column:
    level = "Image" if name.startswith("image") else "Pixel" if name.startswith("pixel") else ""
    return Column(name, title, Kind.RATE, level, path, count)


CATEGORY = Column("category", "Category", Kind.TEXT)
DETECTOR = Column("detector", "Detector", Kind.TEXT)
MAIN = (*_level("image", "auroc", "f1_max"), *_level("pixel", "auroc", "f1_max"))
RANKING = (*_level("image", "auroc", "ap", "f1_max"), *_level("pixel", "auroc", "ap", "f1_max"))
PROMISED = _rate("false_alarm_rate_promised", "Promised", "calibration", "false_alarm_rate")
IMAGE_ALARMS = _rate(
    "image_false_alarm_rate",
    "False alarms",
    *("figures", "image", "false_alarm_rate"),
    count=false_alarms,
)
IMAGE_MISSES = _rate("image_miss_rate", "Misses", *("figures", "image", "miss_rate"), count=misses)
AT_THRESHOLD = (
    PROMISED,
    *_level("image", "f1"),
    IMAGE_ALARMS,
    IMAGE_MISSES,
    *_level("pixel", "f1"),
    _rate("pixel_false_alarm_rate", "False alarms", "figures", "pixel", "false_alarm_rate"),
    _rate("pixel_miss_rate", "Misses", "figures", "pixel", "miss_rate"),
)
COST = (
    Column("fit_seconds", "Fit", Kind.SECONDS, "", ("seconds", "fit")),
    Column("predict_seconds", "One picture", Kind.SECONDS, "", ("seconds", "predict_per_picture")),
    Column("fit_peak_bytes", "Peak memory", Kind.BYTES, "", ("bytes", "fit_peak")),
    Column("bank_vectors", "Bank vectors", Kind.COUNT, "", ("bank_vectors",)),
    Column("bank_bytes", "Memory bank", Kind.BYTES, "", ("bytes", "bank")),
    Column("model_bytes", "Model file", Kind.BYTES, "", ("bytes", "model_file")),
)
PER_TYPE = (
    Column("pictures", "Pictures", Kind.COUNT, "", ("pictures",)),
    Column("image_auroc", "Image AUROC", Kind.SHARE, "", ("image_auroc",)),
    Column("pixel_auroc", "Pixel AUROC", Kind.SHARE, "", ("pixel_auroc",)),
    Column("miss_rate", "Misses", Kind.RATE, "", ("miss_rate",)),
)

PEEKING_NOTE = (
    "These figures ask how well raw scores separate good from defect, whatever the threshold. "
    "F1-max is the F1 at the best threshold that the labels of the test pictures allow: it peeks, "
    "and no line will reach it without labels."
)
THRESHOLD_NOTE = (
    "These figures are what the line would see. The threshold comes from good training pictures "
    "alone, for the rate of false alarms that was promised; no test label moved it, so F1 here is "
    "not F1-max."
)


def main_table(records: Sequence[Record]) -> Table:
    """Category | Image AUROC | Image F1-max | Pixel AUROC | Pixel F1-max."""
    return _table("Results", MAIN, records)


def ranking_table(records: Sequence[Record]) -> Table:
    """How well raw scores separate good from defect: AUROC, AP, F1-max."""
    return _table("How well the scores separate", RANKING, records, note=PEEKING_NOTE)


def threshold_table(records: Sequence[Record]) -> Table:
    """What happens at the threshold that was calibrated on good pictures."""
    return _table("At the calibrated threshold", AT_THRESHOLD, records, note=THRESHOLD_NOTE)


def cost_table(records: Sequence[Record]) -> Table:
    """Time, memory and size."""
    return _table("Time and memory", COST, records)


def full_table(records: Sequence[Record]) -> Table:
    """Every figure of the other tables, each once: what goes to CSV."""
    columns = dict.fromkeys((*RANKING, *AT_THRESHOLD, *COST))
    return _table("All figures", tuple(columns), records, name_detector=True)


def per_type_table(group: Group) -> Table:
    """Figures by defect type, of one category under one detector."""
    found = [look_up(record, "figures", "per_type") or {} for record in group.records]
    kinds = dict.fromkeys(kind for per_type in found for kind in per_type)
    columns = (Column("defect_type", "Defect type", Kind.TEXT), *PER_TYPE)
    rows = [
        Row((kind, *(over_seeds(column, [one.get(kind) or {} for one in found])
                     for column in PER_TYPE)))
        for kind in kinds
    ]  # fmt: skip
    return Table("By defect type", columns, tuple(rows))


def failures(groups: Sequence[Group]) -> list[str]:
    """A sentence for each job that failed."""
    return [
        f"{group.category}, {group.detector}, seed {text(record, 'seed')}: {text(record, 'error')}"
        for group in groups
        for record in group.failed
    ]


def _table(
    title: str,
    figures: Sequence[Column],
    records: Sequence[Record],
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
    columns = (CATEGORY, DETECTOR, *figures)
    if len(detectors) == 1 and not name_detector:
        columns = (CATEGORY, *figures)
        rows = [Row((row.cells[0], *row.cells[2:]), row.group, row.is_mean) for row in rows]
    return Table(title, columns, tuple(rows), note)


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


def over_seeds(column: Column, records: Sequence[Record]) -> Figure | None:
    """A figure over records that differ in their seed; `None` where it is undefined in all."""
    values = [number(record, *column.path) for record in records]
    known = [value for value in values if value is not None]
    if not known:
        return None
    counts = [column.count(record) for record in records] if column.count else []
    summed = [count for count in counts if count is not None]
    hits, total = sum(hit for hit, _ in summed), sum(of for _, of in summed)
    # A sum over some seeds only would not fit the rate beside it.
    complete = bool(summed) and len(summed) == len(records)
    mean = math.fsum(known) / len(known)
    return Figure(mean, min(known), max(known), (hits, total) if complete else None)


def _mean_of(cells: Sequence[Cell]) -> Figure | None:
    """The mean of the categories' means; a spread over categories would be read as one of seeds."""
    figures = [cell for cell in cells if isinstance(cell, Figure)]
    if not figures:
        return None
    mean = math.fsum(figure.mean for figure in figures) / len(figures)
    return Figure(mean, mean, mean, mean_of=len(figures) if len(figures) < len(cells) else None)
