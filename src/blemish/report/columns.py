"""The columns of all tables: what a figure is called, and how it is read from a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from blemish.metrics.catalogue import FIGURES, LEVELS, Figure, figures_of, titled
from blemish.records.findings import FiguresOfOne, Interval, Number
from blemish.records.record import Record
from blemish.wording import Kind

Count = Callable[[Record], tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `name` for scripts, `title` for readers under a shared `group` heading.

    `read` takes its value from what a row is about (a record, most often), `interval` its interval
    from a record, `count` counts the images behind a rate. `figure` is that of the catalogue, where
    it is one.
    """

    name: str
    title: str
    kind: Kind
    group: str = ""
    read: Callable[[Any], Number | None] | None = None
    interval: Callable[[Record], Interval | None] | None = None
    figure: Figure | None = None
    count: Count | None = None

    @property
    def full_title(self) -> str:
        """The title with its group, for where there is just one line of headings."""
        return titled(self.group, self.title) if self.group else self.title


def false_alarms(record: Record) -> tuple[int, int] | None:
    """Good test images that were flagged, of how many."""
    return record.flagged("good")


def misses(record: Record) -> tuple[int, int] | None:
    """Defect test images that passed, of how many."""
    found = record.flagged("defect")
    return None if found is None else (found[1] - found[0], found[1])


COUNTS: dict[str, Count] = {"image_false_alarm_rate": false_alarms, "image_miss_rate": misses}


def _column(figure: Figure) -> Column:
    """The column of a figure, under a heading of its level."""
    return Column(
        figure.key,
        figure.title,
        figure.kind,
        figure.level.capitalize(),
        read=lambda record: record.figures.at(figure.level).get(figure.name),
        interval=lambda record: record.figures.intervals.get(figure.level, {}).get(figure.name),
        figure=figure,
        count=COUNTS.get(figure.key),
    )


OF_FIGURES = {figure.key: _column(figure) for figure in FIGURES}


def _of_type(*keys: str) -> Iterator[Column]:
    """Columns of a table by types of defect; levels are named where they have to be told apart."""
    titles = Counter(OF_FIGURES[key].title for key in keys)
    for key in keys:
        column = OF_FIGURES[key]
        title = column.title if titles[column.title] == 1 else column.full_title
        yield Column(key, title, column.kind, read=_item(key))


def _item(name: str) -> Callable[[FiguresOfOne], Number | None]:
    return lambda figures: figures.get(name)


def _of_calibration(name: str) -> Callable[[Record], float | None]:
    return lambda record: getattr(record.calibration, name, None)


def _chosen(figures: Sequence[Figure], *, at_threshold: bool) -> tuple[Column, ...]:
    return tuple(OF_FIGURES[f.key] for f in figures if f.at_threshold == at_threshold)


def _alone(column: Column) -> Column:
    """The column without its intervals, where there is no room for them."""
    return replace(column, interval=None)


CATEGORY = Column("category", "Category", Kind.TEXT)
DETECTOR = Column("detector", "Detector", Kind.TEXT)
SEPARATING = _chosen(figures_of("image"), at_threshold=False)
LOCATING = _chosen(figures_of("pixel"), at_threshold=False)
AT_THRESHOLD = tuple(c for lv in LEVELS for c in _chosen(figures_of(lv), at_threshold=True))
MAIN = (
    OF_FIGURES["image_auroc"],
    _alone(OF_FIGURES["image_f1_max"]),
    OF_FIGURES["pixel_auroc"],
    _alone(OF_FIGURES["pixel_f1_max"]),
    OF_FIGURES["pixel_au_pro_30"],
)
BRIEF = (MAIN[0], *map(_alone, MAIN[1:]))
MISSION = tuple(map(_alone, MAIN[:4]))
PROMISED = Column(
    "false_alarm_rate_promised", "Promised", Kind.RATE, read=_of_calibration("false_alarm_rate")
)
PROMISED_AT_MOST = Column(
    "false_alarm_rate_at_most",
    "95% sure to be under",
    Kind.RATE,
    read=_of_calibration("upper_bound_95"),
)
OBSERVED = replace(_alone(OF_FIGURES["image_false_alarm_rate"]), title="Observed", group="")
COST = (
    Column("fit_seconds", "Fit", Kind.SECONDS, read=lambda record: record.seconds.fit),
    Column(
        "predict_seconds",
        "One image",
        Kind.SECONDS,
        read=lambda record: record.seconds.predict_per_image,
    ),
    Column("fit_peak_bytes", "Peak memory", Kind.BYTES, read=lambda record: record.bytes.fit_peak),
    Column("model_bytes", "Model file", Kind.BYTES, read=lambda record: record.bytes.model_file),
)
ALL = (*SEPARATING, *LOCATING, PROMISED, PROMISED_AT_MOST, *AT_THRESHOLD, *COST)
PER_TYPE = (
    Column("images", "Images", Kind.COUNT, read=_item("images")),
    *_of_type(
        "image_auroc", "pixel_auroc", "pixel_au_pro_30", "pixel_region_recall", "image_miss_rate"
    ),
)
BY_SIZE = (
    Column("regions", "Regions", Kind.COUNT, read=lambda row: row.regions),
    Column("found", "Found", Kind.COUNT, read=lambda row: row.found),
    Column("recall", "Share", Kind.RATE, read=lambda row: row.recall),
)
