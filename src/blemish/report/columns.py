"""The columns of all tables: where in a record a figure is, and what it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from blemish.records.grouping import Record, flagged
from blemish.report.titles import RATES, SHARES
from blemish.wording import Kind

Count = Callable[[Record], tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `name` for scripts, `title` for readers under a shared `group` heading.

    `path` is where its figure is in a record, `interval` where low and high end of its interval
    are, `count` counts the images behind a rate.
    """

    name: str
    title: str
    kind: Kind
    group: str = ""
    path: tuple[str, ...] = ()
    interval: tuple[str, ...] = ()
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
    return flagged(record, "good")


def misses(record: Record) -> tuple[int, int] | None:
    """Defect test images that passed, of how many."""
    found = flagged(record, "defect")
    return None if found is None else (found[1] - found[0], found[1])


def _level(level: str, *names: str, count: Count | None = None) -> tuple[Column, ...]:
    """Columns of figures at image or pixel level."""
    titles = SHARES | RATES
    return tuple(
        Column(
            f"{level}_{name}",
            titles[name],
            Kind.SHARE if name in SHARES else Kind.RATE,
            level.capitalize(),
            ("figures", level, name),
            ("figures", "intervals", level, name),
            count,
        )
        for name in names
    )


def _alone(column: Column) -> Column:
    """The column without its intervals, where there is no room for them."""
    return replace(column, interval=())


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
    path=("calibration", "false_alarm_rate"),
)
PROMISED_AT_MOST = Column(
    "false_alarm_rate_at_most",
    "95% sure to be under",
    Kind.RATE,
    path=("calibration", "upper_bound_95"),
)
AT_THRESHOLD = (
    *_level("image", "f1"),
    *_level("image", "false_alarm_rate", count=false_alarms),
    *_level("image", "miss_rate", count=misses),
    *_level("pixel", "f1", "false_alarm_rate", "miss_rate", "region_recall"),
)
OBSERVED = replace(_alone(AT_THRESHOLD[1]), title="Observed", group="")
COST = (
    Column("fit_seconds", "Fit", Kind.SECONDS, path=("seconds", "fit")),
    Column("predict_seconds", "One image", Kind.SECONDS, path=("seconds", "predict_per_image")),
    Column("fit_peak_bytes", "Peak memory", Kind.BYTES, path=("bytes", "fit_peak")),
    Column("model_bytes", "Model file", Kind.BYTES, path=("bytes", "model_file")),
)
ALL = (*SEPARATING, *LOCATING, PROMISED, PROMISED_AT_MOST, *AT_THRESHOLD, *COST)
PER_TYPE = (
    Column("images", "Images", Kind.COUNT, path=("images",)),
    Column("image_auroc", "Image AUROC", Kind.SHARE, path=("image_auroc",)),
    Column("pixel_auroc", "Pixel AUROC", Kind.SHARE, path=("pixel_auroc",)),
    Column("pixel_au_pro_30", "AU-PRO (0.3)", Kind.SHARE, path=("pixel_au_pro_30",)),
    Column("region_recall", "Regions found", Kind.RATE, path=("region_recall",)),
    Column("miss_rate", "Misses", Kind.RATE, path=("miss_rate",)),
)
BY_SIZE = (
    Column("regions", "Regions", Kind.COUNT, path=("regions",)),
    Column("found", "Found", Kind.COUNT, path=("found",)),
    Column("recall", "Share", Kind.RATE, path=("recall",)),
)
