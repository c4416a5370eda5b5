"""What others published for categories of MVTec AD, to stand beside figures of one's own.

Nothing can prove that images are those of MVTec AD. Figures are shown for a category that goes by
the name and has exactly the numbers of test images, laid out as there; never for drawn surfaces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blemish.records.grouping import Group, group_records
from blemish.records.record import AnyRecord
from blemish.report.cells import Cell, Spread
from blemish.report.columns import CATEGORY, MAIN, Column
from blemish.report.tables import Row, Table, over_seeds
from blemish.wording import Kind

LAYOUT, DRAWN = "mvtec-ad", "surfaces"
TEST_IMAGES = {"bottle": (20, 63), "grid": (21, 57), "leather": (32, 92), "tile": (33, 84)}
SOURCE = Column("source", "Source", Kind.TEXT)
NOTE = (
    "These images go by the name of a category of MVTec AD and are as many; if they are its own, "
    "others published the following on them. Their input sizes, crops and backbones differ from "
    "those of these runs, and their F1 does not say at which threshold. The last two lines are the "
    "table that this project started from."
)


@dataclass(frozen=True)
class Published:
    """Figures of one detector by category, named as columns of the main table are."""

    detector: str
    source: str
    figures: Mapping[str, Mapping[str, float]]


def _started_from(*figures: float) -> dict[str, float]:
    names = ("image_auroc", "image_f1_max", "pixel_auroc", "pixel_f1_max")
    return dict(zip(names, figures, strict=True))


PUBLISHED = (
    Published(
        "PatchCore",
        "Roth et al., CVPR 2022 (WideResNet-50, 224 px, 10%)",
        {
            "bottle": {"image_auroc": 1.0, "pixel_auroc": 0.986},
            "grid": {"image_auroc": 0.979, "pixel_auroc": 0.988, "pixel_au_pro_30": 0.970},
            "leather": {"image_auroc": 1.0, "pixel_auroc": 0.993, "pixel_au_pro_30": 0.992},
            "tile": {"image_auroc": 0.995, "pixel_auroc": 0.957, "pixel_au_pro_30": 0.899},
        },
    ),
    Published(
        "EfficientAd-S",
        "Batzner et al., WACV 2024",
        {
            "grid": {"image_auroc": 0.997, "pixel_au_pro_30": 0.893},
            "leather": {"image_auroc": 1.0, "pixel_au_pro_30": 0.982},
            "tile": {"image_auroc": 0.998, "pixel_au_pro_30": 0.882},
        },
    ),
    Published(
        "EfficientAd-M",
        "Batzner et al., WACV 2024",
        {
            "grid": {"image_auroc": 1.0, "pixel_au_pro_30": 0.892},
            "leather": {"image_auroc": 1.0, "pixel_au_pro_30": 0.982},
            "tile": {"image_auroc": 1.0, "pixel_au_pro_30": 0.884},
        },
    ),
    Published(
        "PatchCore",
        "the table this project started from",
        {
            "grid": _started_from(0.91, 0.87, 0.89, 0.82),
            "leather": _started_from(0.93, 0.89, 0.91, 0.85),
            "tile": _started_from(0.89, 0.84, 0.88, 0.81),
        },
    ),
    Published(
        "EfficientAd",
        "the table this project started from",
        {
            "grid": _started_from(0.90, 0.86, 0.87, 0.81),
            "leather": _started_from(0.92, 0.88, 0.89, 0.83),
            "tile": _started_from(0.87, 0.82, 0.85, 0.79),
        },
    ),
)


def published_table(records: Sequence[AnyRecord]) -> Table:
    """Figures of these records, then what was published; no row where nothing can be compared."""
    names: dict[str, list[Group]] = {}
    for group in group_records(records):
        if name := _category_of_mvtec_ad(group):
            names.setdefault(name, []).append(group)
    rows = [row for name, groups in names.items() for row in _rows(name, groups)]
    title = "Published for MVTec AD's category of this name"
    return Table(title, (CATEGORY, SOURCE, *MAIN), tuple(rows), NOTE)


def _category_of_mvtec_ad(group: Group) -> str:
    """Which of its categories this may be; empty where it is none, or none that is known here."""
    folder, _, name = group.category.rpartition("/")
    if not group.records or folder.endswith(DRAWN):
        return ""
    shown = group.records[0].dataset
    fits = shown.layout == LAYOUT and TEST_IMAGES.get(name) == (shown.test_good, shown.test_defect)
    return name if fits else ""


def _rows(name: str, groups: Sequence[Group]) -> list[Row]:
    ours = [
        Row((group.category, f"{group.detector}, this run",
             *(over_seeds(column, group.records) for column in MAIN)), group)
        for group in groups
    ]  # fmt: skip
    others = [
        Row((name, f"{one.detector}: {one.source}",
             *(_cell(one.figures[name].get(column.name)) for column in MAIN)))
        for one in PUBLISHED if name in one.figures
    ]  # fmt: skip
    return [*ours, *others]


def _cell(value: float | None) -> Cell:
    return None if value is None else Spread(value, value, value)
