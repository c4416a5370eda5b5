"""What the report shows of one category under one detector: facts, charts, examples.

Over several seeds the tables are over all of them; charts and images are of the first.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blemish.records.grouping import (
    Group,
    Record,
    entries,
    flagged,
    look_up,
    number,
    numbers,
    scores,
    text,
)
from blemish.report import cells, charts, tables
from blemish.report.columns import COST
from blemish.report.titles import undefined_told

EXAMPLES_SHOWN = 8
MEDIA_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}


@dataclass(frozen=True, slots=True)
class Example:
    """A test image beside its map; `image` and `map` are data URIs, empty where missing."""

    path: str
    told: str
    image: str
    map: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """Examples of one kind; `more` were left out."""

    title: str
    told: str
    examples: tuple[Example, ...]
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
    notes = [str(note) for note in look_up(shown, "figures", "notes") or ()]
    if len(group.records) > 1:
        notes.insert(0, f"Charts and images are of seed {text(shown, 'seed')}, the first of "
                        f"{len(group.records)}; tables are over all of them.")  # fmt: skip
    reasons = look_up(shown, "figures", "undefined")
    notes += undefined_told(reasons if isinstance(reasons, Mapping) else {})
    return Section(
        anchor=anchor,
        group=group,
        facts=_facts(group),
        histogram=_histogram(shown, anchor),
        roc=_roc(shown, anchor),
        pro=_pro(shown, anchor),
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
    tested = (
        _told(number(shown, "dataset", "test_good"), "{:,.0f} good"),
        _told(number(shown, "dataset", "test_defect"), "{:,.0f} defect"),
    )
    fitted = _told(number(shown, "dataset", "train_good"), "{:,.0f} good images")
    costs = ((column, tables.over_seeds(column, group.records)) for column in COST)
    facts = {
        "Fitted on": "" if text(shown, "maps_sha256") else fitted,
        "Tested on": " + ".join(part for part in tested if part),
        **{column.title: cells.main_text(cell, column.kind) for column, cell in costs if cell},
        "Image threshold": _told(number(shown, "calibration", "image_threshold"), "{:.4g}"),
        "Pixel threshold": _told(number(shown, "calibration", "pixel_threshold"), "{:.4g}"),
        "Calibrated by": text(shown, "calibration", "method"),
    }
    return tuple((name, value) for name, value in facts.items() if value)


def _histogram(record: Record, anchor: str) -> str:
    panels = []
    for name, label in (("Good", "good"), ("Defect", "defect")):
        counted = flagged(record, label)
        panels.append(
            charts.Scores(name, label, scores(record, label), counted[0] if counted else None)
        )
    threshold = number(record, "calibration", "image_threshold")
    return charts.histogram(*panels, threshold=threshold, chart_id=f"{anchor}-scores")


def _roc(record: Record, anchor: str) -> str:
    curves = [
        charts.Curve(
            name,
            level,
            numbers(record, "curves", f"{level}_roc", "false_alarm_rate"),
            numbers(record, "curves", f"{level}_roc", "recall"),
            _point(record, level),
        )
        for name, level in (("Image", "image"), ("Pixel", "pixel"))
    ]
    return charts.roc(curves, chart_id=f"{anchor}-roc")


def _pro(record: Record, anchor: str) -> str:
    rates = numbers(record, "curves", "pro", "false_alarm_rate")
    curve = charts.Curve("PRO", "region", rates, numbers(record, "curves", "pro", "overlap"))
    return charts.pro(curve, chart_id=f"{anchor}-pro")


def _regions(record: Record) -> str:
    """How many regions were found, the smallest of them, and the largest that was missed."""
    of, found = (number(record, "figures", "regions", name) for name in ("regions", "found"))
    if not of or found is None:
        return ""
    told = [f"{found:,.0f} of {of:,.0f} labelled regions were found."]
    for title, name in (("smallest found", "smallest_found"), ("largest missed", "largest_missed")):
        area = number(record, "figures", "regions", name, "area_px")
        kind, image = (text(record, "figures", "regions", name, key)
                         for key in ("defect_type", "image"))  # fmt: skip
        if area is not None:
            told.append(f"The {title} has {area:,.0f} px ({kind}, {image}).")
    return " ".join(told)


def _point(record: Record, level: str) -> tuple[float, float] | None:
    """False-alarm rate and recall at the calibrated threshold."""
    alarms = number(record, "figures", level, "false_alarm_rate")
    missed = number(record, "figures", level, "miss_rate")
    return None if alarms is None or missed is None else (alarms, 1 - missed)


def _galleries(directory: Path, record: Record) -> tuple[Gallery, ...]:
    """Worst false alarms, worst misses, some that were caught; none where nobody looked for any."""
    alarms, missed, caught = (
        sorted(entries(record, "examples", kind), key=lambda entry: number(entry, "score") or 0)
        for kind in ("false_alarms", "misses", "caught")
    )
    galleries = (
        _gallery(directory, "False alarms", "Good images that were flagged, highest score first.",
                 alarms[::-1]),
        _gallery(directory, "Misses", "Defects that passed, lowest score first.", missed),
        _gallery(directory, "Caught", "Some of the defects that were flagged.", caught),
    )  # fmt: skip
    return tuple(gallery for gallery in galleries if gallery.examples)


def _gallery(directory: Path, title: str, told: str, found: Sequence[Record]) -> Gallery:
    examples = tuple(_example(directory, entry) for entry in found[:EXAMPLES_SHOWN])
    return Gallery(title, told, examples, len(found) - len(examples))


def _example(directory: Path, entry: Record) -> Example:
    score = number(entry, "score")
    parts = [text(entry, "defect_type"), "" if score is None else f"score {score:.4g}"]
    return Example(
        path=text(entry, "path"),
        told=", ".join(part for part in parts if part),
        image=_data_uri(directory, text(entry, "image")),
        map=_data_uri(directory, text(entry, "map")),
    )


def _data_uri(directory: Path, relative: str) -> str:
    """An image of the folder as text; empty where it is missing, no image, or lies outside."""
    path = (directory / relative).resolve()
    media_type = MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None or not path.is_relative_to(directory.resolve()) or not path.is_file():
        return ""
    return f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _told(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
