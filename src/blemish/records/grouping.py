"""Read records with gaps, and gather those that differ in nothing but their seed.

A record is one job of `blemish benchmark` or `blemish evaluate`: plain JSON values, of which any
may be missing or null (a failed job, an undefined figure). Nothing here needs to know who wrote it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]
Conditions = dict[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """One category under one detector: a row of a table, a section of the page.

    Attributes:
        category: name of the category.
        detector: name of the detector, with what tells it apart where it ran in several ways.
        records: the jobs that ended well, one a seed, lowest seed first.
        failed: the jobs that did not.
    """

    category: str
    detector: str
    records: tuple[Record, ...]
    failed: tuple[Record, ...]


def group_records(records: Sequence[Record]) -> tuple[Group, ...]:
    """Gather records by category and detector, in the order in which these first appear.

    Jobs of the same detector with other settings, backbones or images are never averaged: they
    become groups of their own, whose names say what differs. Of the same job run twice, the later
    one counts.
    """
    labels = _labels(records)
    categories = list(dict.fromkeys(text(record, "category") for record in records))
    detectors = list(dict.fromkeys(labels))
    groups = []
    for category in categories:
        for detector in detectors:
            members = _latest_by_seed(
                record
                for record, label in zip(records, labels, strict=True)
                if label == detector and text(record, "category") == category
            )
            ended = tuple(record for record in members if not look_up(record, "error"))
            failed = tuple(record for record in members if look_up(record, "error"))
            if members:
                groups.append(Group(category, detector, ended, failed))
    return tuple(groups)


def look_up(record: Record, *keys: str) -> Any:
    """The value behind a path of keys; `None` where any part of the path is missing."""
    value: Any = record
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def number(record: Record, *keys: str) -> float | None:
    """The finite number behind a path of keys, or `None`."""
    return finite(look_up(record, *keys))


def finite(value: Any) -> float | None:
    """`value` where it is a finite number, or `None`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def text(record: Record, *keys: str) -> str:
    """The text behind a path of keys; empty where there is none."""
    value = look_up(record, *keys)
    return "" if value is None else str(value)


def entries(record: Record, *keys: str) -> list[Record]:
    """The list of mappings behind a path of keys; empty where there is none."""
    value = look_up(record, *keys)
    return [entry for entry in value if isinstance(entry, Mapping)] if _is_list(value) else []


def numbers(record: Record, *keys: str) -> list[float]:
    """The list of numbers behind a path of keys; empty where there is none or it has gaps."""
    value = look_up(record, *keys)
    found = [finite(item) for item in value] if _is_list(value) else []
    return [] if None in found else [item for item in found if item is not None]


def scores(record: Record, label: str) -> list[float]:
    """Scores of the test images with a label (`good` or `defect`)."""
    of_label = (
        finite(entry.get("score"))
        for entry in entries(record, "images")
        if entry.get("label") == label
    )
    return [score for score in of_label if score is not None]


def flagged(record: Record, label: str) -> tuple[int, int] | None:
    """How many test images with a label got the verdict `defect`, and of how many."""
    verdicts = [
        entry["verdict"]
        for entry in entries(record, "images")
        if entry.get("label") == label and entry.get("verdict")
    ]
    return (verdicts.count("defect"), len(verdicts)) if verdicts else None


def conditions(record: Record) -> Conditions:
    """Under which settings a job ran, as short texts: all but its seed and its images."""
    settings = look_up(record, "settings")
    found = {
        str(name): short(value)
        for name, value in (settings.items() if isinstance(settings, Mapping) else ())
        if name != "seed"
    }
    named = {
        "run": text(record, "run"),
    } | _asked(record)
    for source in entries(record, "sources"):
        role = text(source, "role")
        named |= {role: text(source, "name"), f"{role} sha256": text(source, "sha256")[:8]}
    return found | {name: value for name, value in named.items() if value}


def _asked(record: Record) -> Conditions:
    """What was asked for, not what came of it: the rate that is reached hangs on the images."""
    asked = look_up(record, "asked")
    if not isinstance(asked, Mapping):
        return {}
    return {
        "false-alarm rate": short(asked.get("false_alarm_rate")) or "default",
        "alpha": short(asked.get("alpha")),
        "smallest region": short(asked.get("smallest_region_px")),
    }


def short(value: Any) -> str:
    """A JSON value as one would type it: texts bare, lists with commas, nothing for null."""
    if value is None or isinstance(value, str):
        return value or ""
    if _is_list(value):
        return ", ".join(short(item) for item in value)
    return json.dumps(value, default=str)


def _labels(records: Sequence[Record]) -> list[str]:
    """The detector of each record, with the settings and images that tell it apart."""
    detectors = [text(record, "detector") for record in records]
    labels = _told_apart(detectors, [conditions(record) for record in records])
    places = [
        f"{text(record, 'category')}\0{label}"
        for record, label in zip(records, labels, strict=True)
    ]
    images = [_images(record) for record in records]
    return [label.partition("\0")[2] for label in _told_apart(places, images)]


def _images(record: Record) -> Conditions:
    fingerprint = text(record, "dataset", "fingerprint")
    return {"images": fingerprint[:8]} if fingerprint else {}


def _told_apart(names: Sequence[str], found: Sequence[Conditions]) -> list[str]:
    """Each name, followed by the conditions in which records of that name differ."""
    seen: dict[str, dict[str, set[str]]] = {}
    for name, one in zip(names, found, strict=True):
        for key, value in one.items():
            seen.setdefault(name, {}).setdefault(key, set()).add(value)
    labels = []
    for name, one in zip(names, found, strict=True):
        differing = [
            f"{key} {value or 'none'}" for key, value in one.items() if len(seen[name][key]) > 1
        ]
        labels.append(", ".join([name, *differing]))
    return labels


def _latest_by_seed(records: Iterable[Record]) -> list[Record]:
    """One record a seed, that of the latest date, lowest seed first."""
    latest: dict[float, Record] = {}
    for record in sorted(records, key=lambda record: text(record, "date")):
        latest[number(record, "seed") or 0] = record
    return [latest[seed] for seed in sorted(latest)]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
