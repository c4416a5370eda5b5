"""What the report shows of one category under one detector: facts, charts, examples.

Over several seeds the tables are over all of them; charts and images are of the first.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blemish.records.findings import Example
from blemish.records.grouping import Group
from blemish.records.record import Record
from blemish.report import cells, charts, tables, training
from blemish.report.columns import COST
from blemish.report.undefined import undefined_told

EXAMPLES_SHOWN = 8
MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A test image beside its map; `image` and `map` are data URIs, empty where missing.

    `compared` shows patches beside the good ones they were nearest to, `compared_with` says which;
    both are empty where nobody kept how these look.
    """

    path: str
    told: str
    image: str
    map: str
    compared: str
    compared_with: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """Examples of one kind; `more` were left out."""

    title: str
    told: str
    examples: tuple[Exhibit, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """What the page says of one category under one detector."""

    anchor: str
    group: Group
    facts: tuple[tuple[str, str], ...]
    histogram: str
    roc: str
    pro: str
    training: str
    per_type: tables.Table
    by_size: tables.Table
    regions: str
    galleries: tuple[Gallery, ...]
    notes: tuple[str, ...]
    failures: tuple[str, ...]


def make_section(directory: Path, group: Group, anchor: str) -> Section:
    """Gather what the page shows of a group with at least one job that ended well.

    Images are read from `directory`.
    """
    shown = group.records[0]
    notes = list(shown.figures.notes)
    if len(group.records) > 1:
        notes.insert(0, f"Charts and images are of seed {shown.seed}, the first of "
                        f"{len(group.records)}; tables are over all of them.")  # fmt: skip
    notes += training.not_converged(shown) + undefined_told(shown.figures.undefined)
    return Section(
        anchor=anchor,
        group=group,
        facts=_facts(group),
        histogram=_histogram(shown, anchor),
        roc=_roc(shown, anchor),
        pro=_pro(shown, anchor),
        training=charts.training(training.course(shown), chart_id=f"{anchor}-training"),
        per_type=tables.per_type_table(group),
        by_size=tables.by_size_table(group),
        regions=_regions(shown),
        galleries=_galleries(directory, shown),
        notes=tuple(notes),
        failures=tuple(tables.failures([group])),
    )


def _facts(group: Group) -> tuple[tuple[str, str], ...]:
    """Name and value of what a reader may ask of one job; what is not known is left out."""
    shown = group.records[0]
    dataset, calibration = shown.dataset, shown.calibration
    fitted = f"{dataset.train_good:,} good images"
    costs = ((column, tables.over_seeds(column, group.records)) for column in COST)
    facts = {
        "Fitted on": "" if shown.maps_sha256 else fitted,
        "Tested on": f"{dataset.test_good:,} good + {dataset.test_defect:,} defect",
        **{column.title: cells.main_text(cell, column.kind) for column, cell in costs if cell},
        "Image threshold": _threshold(calibration.image_threshold if calibration else None),
        "Pixel threshold": _threshold(calibration.pixel_threshold if calibration else None),
        "Not inspectable": _not_inspectable(shown),
        "Calibrated by": calibration.method if calibration else "",
    }
    return tuple((name, value) for name, value in facts.items() if value)


def _not_inspectable(record: Record) -> str:
    good, defect = (record.not_inspectable(label) for label in ("good", "defect"))
    return f"{good:,} good + {defect:,} defect" if good or defect else ""


def _histogram(record: Record, anchor: str) -> str:
    panels = []
    for name, label in (("Good", "good"), ("Defect", "defect")):
        counted = record.flagged(label)
        panels.append(
            charts.Scores(name, label, record.scores(label), counted[0] if counted else None)
        )
    threshold = record.calibration.image_threshold if record.calibration else None
    return charts.histogram(*panels, threshold=threshold, chart_id=f"{anchor}-scores")


def _roc(record: Record, anchor: str) -> str:
    known = {"image": record.curves.image_roc, "pixel": record.curves.pixel_roc}
    curves = [
        charts.Curve(
            level.capitalize(), level, roc.false_alarm_rate, roc.recall, _point(record, level)
        )
        for level, roc in known.items()
        if roc
    ]
    return charts.roc(curves, chart_id=f"{anchor}-roc")


def _pro(record: Record, anchor: str) -> str:
    pro = record.curves.pro
    if pro is None:
        return ""
    curve = charts.Curve("PRO", "region", pro.false_alarm_rate, pro.overlap)
    return charts.pro(curve, chart_id=f"{anchor}-pro")


def _regions(record: Record) -> str:
    """How many regions were found, the smallest of them, and the largest that was missed."""
    regions = record.figures.regions
    if regions is None or not regions.regions or regions.found is None:
        return ""
    told = [f"{regions.found:,} of {regions.regions:,} labelled regions were found."]
    named = {"smallest found": regions.smallest_found, "largest missed": regions.largest_missed}
    for title, one in named.items():
        if one:
            told.append(f"The {title} has {one.area_px:,} px ({one.defect_type}, {one.image}).")
    return " ".join(told)


def _point(record: Record, level: str) -> tuple[float, float] | None:
    """False-alarm rate and recall at the calibrated threshold."""
    figures = record.figures.at(level)
    alarms, missed = figures.get("false_alarm_rate"), figures.get("miss_rate")
    return None if alarms is None or missed is None else (alarms, 1 - missed)


def _galleries(directory: Path, record: Record) -> tuple[Gallery, ...]:
    """Worst false alarms, worst misses, some that were caught; none where nobody looked for any."""
    found = record.examples
    alarms, missed, caught = (
        sorted(examples, key=lambda example: example.score)
        for examples in (found.false_alarms, found.misses, found.caught)
    )
    galleries = (
        _gallery(directory, "False alarms", "Good images that were flagged, highest score first.",
                 alarms[::-1]),
        _gallery(directory, "Misses", "Defects that passed, lowest score first.", missed),
        _gallery(directory, "Caught", "Some of the defects that were flagged.", caught),
    )  # fmt: skip
    return tuple(gallery for gallery in galleries if gallery.examples)


def _gallery(directory: Path, title: str, told: str, found: Sequence[Example]) -> Gallery:
    examples = tuple(_exhibit(directory, entry) for entry in found[:EXAMPLES_SHOWN])
    return Gallery(title, told, examples, len(found) - len(examples))


def _exhibit(directory: Path, found: Example) -> Exhibit:
    return Exhibit(
        path=found.path,
        told=f"{found.defect_type}, score {found.score:.4g}",
        image=_data_uri(directory, found.image),
        map=_data_uri(directory, found.map),
        compared=_data_uri(directory, found.compared) if found.compared else "",
        compared_with=found.compared_with or "",
    )


def _data_uri(directory: Path, relative: str) -> str:
    """An image of the folder as text; empty where it is missing, no image, or lies outside."""
    path = (directory / relative).resolve()
    media_type = MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None or not path.is_relative_to(directory.resolve()) or not path.is_file():
        return ""
    return f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _threshold(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
