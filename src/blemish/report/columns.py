"""The columns of all tables: what a figure is called, and how it is read from a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from blemish.records.record import FiguresOfOne, Interval, Number, Record
from blemish.report.titles import RATES, SHARES
from blemish.wording import Kind

Count = Callable[[Record], tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `name` for scripts, `title` for readers under a shared `group` heading.

    `read` takes its figure from what a row is about (a record, most often), `interval` its interval
    from a record, `count` counts the images behind a rate. `figure` is the level and name of a
    figure that has draws.
    """

    name: str
    title: str
    kind: Kind
    group: str = ""
    read: Callable[[Any], Number | None] | None = None
    interval: Callable[[Record], Interval | None] | None = None
    figure: tuple[str, str] | None = None
    count: Count | None = None

    @property
    def full_title(self) -> str:
        """The title with its group, for where there is just one line of headings."""
        if not self.group:
            return self.title
        acronym = self.title[:2].isupper()
        title = self.title if acronym else self.title[0].lower() + self.title[1:]
        return f"{self.group} {title}"


def false_alarms(record: Record) -> tuple[int, int] | None:
    """Good test images that were flagged, of how many."""
    return record.flagged("good")


def misses(record: Record) -> tuple[int, int] | None:
    """Defect test images that passed, of how many."""
    found = record.flagged("defect")
    return None if found is None else (found[1] - found[0], found[1])


def _level(level: str, *names: str, count: Count | None = None) -> tuple[Column, ...]:
    """Columns of figures at image or pixel level."""
    return tuple(_figure(level, name, count) for name in names)


def _figure(level: str, name: str, count: Count | None) -> Column:
    return Column(
        f"{level}_{name}",
        (SHARES | RATES)[name],
        Kind.SHARE if name in SHARES else Kind.RATE,
        level.capitalize(),
        read=lambda record: record.figures.at(level).get(name),
        interval=lambda record: record.figures.intervals.get(level, {}).get(name),
        figure=(level, name),
        count=count,
    )


def _alone(column: Column) -> Column:
    """The column without its intervals, where there is no room for them."""
    return replace(column, interval=None)


def _of_calibration(name: str) -> Callable[[Record], float | None]:
    return lambda record: getattr(record.calibration, name, None)


def _item(name: str) -> Callable[[FiguresOfOne], Number | None]:
    return lambda figures: figures.get(name)


CATEGORY = Column("category", "Category", Kind.TEXT)
DETECTOR = Column("detector", "Detector", Kind.TEXT)
SEPARATING = _level("image", "auroc", "ap", "f1_max", "recall_at_0", "recall_at_1", "recall_at_5")
LOCATING = _level("pixel", "auroc", "ap", "f1_max", "au_pro_30", "au_pro_5", "aupimo")
MAIN = (
    *_level("image", "auroc"),
    *map(_alone, _level("image", "f1_max")),
    *_level("pixel", "auroc"),
    *map(_alone, _level("pixel", "f1_max")),
    *_level("pixel", "au_pro_30"),
)
BRIEF = (MAIN[0], *map(_alone, MAIN[1:]))
MISSION = tuple(map(_alone, MAIN[:4]))
PROMISED = Column(
    "false_alarm_rate_promised",
    "Promised",
    Kind.RATE,
    read=_of_calibration("false_alarm_rate"),
)
PROMISED_AT_MOST = Column(
    "false_alarm_rate_at_most",
    "95% sure to be under",
    Kind.RATE,
    read=_of_calibration("upper_bound_95"),
)
AT_THRESHOLD = (
    *_level("image", "f1"),
    *_level("image", "false_alarm_rate", count=false_alarms),
    *_level("image", "miss_rate", count=misses),
    *_level("pixel", "f1", "false_alarm_rate", "miss_rate", "region_recall"),
)
OBSERVED = replace(_alone(AT_THRESHOLD[1]), title="Observed", group="")
COST = (
    Column("fit_seconds", "Fit", Kind.SECONDS, read=lambda record: record.seconds.fit),
    Column(
        "predict_seconds",
        "One image",
        Kind.SECONDS,
        read=lambda record: record.seconds.predict_per_image,
    ),
    Column("fit_peak_bytes", "Peak memory", Kind.BYTES, read=lambda record: record.bytes.fit_peak),
    Column("bank_vectors", "Bank vectors", Kind.COUNT, read=lambda record: record.bank_vectors),
    Column("bank_bytes", "Memory bank", Kind.BYTES, read=lambda record: record.bytes.bank),
    Column("model_bytes", "Model file", Kind.BYTES, read=lambda record: record.bytes.model_file),
)
ALL = (*SEPARATING, *LOCATING, PROMISED, PROMISED_AT_MOST, *AT_THRESHOLD, *COST)
PER_TYPE = (
    Column("images", "Images", Kind.COUNT, read=_item("images")),
    Column("image_auroc", "Image AUROC", Kind.SHARE, read=_item("image_auroc")),
    Column("pixel_auroc", "Pixel AUROC", Kind.SHARE, read=_item("pixel_auroc")),
    Column("pixel_au_pro_30", "AU-PRO (0.3)", Kind.SHARE, read=_item("pixel_au_pro_30")),
    Column("region_recall", "Regions found", Kind.RATE, read=_item("region_recall")),
    Column("miss_rate", "Misses", Kind.RATE, read=_item("miss_rate")),
)
BY_SIZE = (
    Column("regions", "Regions", Kind.COUNT, read=lambda row: row.regions),
    Column("found", "Found", Kind.COUNT, read=lambda row: row.found),
    Column("recall", "Share", Kind.RATE, read=lambda row: row.recall),
)
