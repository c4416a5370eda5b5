"""Gather the records that differ in nothing but their seed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from blemish.records.record import AnyRecord, FailedRecord, FitRequest, Record

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
    failed: tuple[FailedRecord, ...]


def group_records(records: Sequence[AnyRecord]) -> tuple[Group, ...]:
    """Gather records by category and detector, in the order in which these first appear.

    Jobs of the same detector with other settings, backbones or images are never averaged: they
    become groups of their own, whose names say what differs. Of the same job run twice, the later
    one counts.
    """
    labels = _labels(records)
    categories = list(dict.fromkeys(record.category for record in records))
    detectors = list(dict.fromkeys(labels))
    groups = []
    for category in categories:
        for detector in detectors:
            members = _latest_by_seed(
                record
                for record, label in zip(records, labels, strict=True)
                if label == detector and record.category == category
            )
            ended = tuple(record for record in members if isinstance(record, Record))
            failed = tuple(record for record in members if isinstance(record, FailedRecord))
            if members:
                groups.append(Group(category, detector, ended, failed))
    return tuple(groups)


def conditions(record: AnyRecord) -> Conditions:
    """Under which settings a job ran, as short texts: all but its seed and its images."""
    found = {name: short(value) for name, value in record.settings.items() if name != "seed"}
    named = {"run": record.run}
    for source in record.sources:
        named |= {source.role: source.name, f"{source.role} sha256": source.sha256[:8]}
    named |= _of_request(record.request) if record.request else {}
    return found | {name: value for name, value in named.items() if value}


def _of_request(request: FitRequest) -> Conditions:
    return {
        "false-alarm rate": short(request.false_alarm_rate) or "default",
        "alpha": request.alpha,
        "smallest region": short(request.smallest_region_px),
    }


def short(value: Any) -> str:
    """A JSON value as one would type it: texts bare, lists with commas, nothing for null."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list | tuple):
        return ", ".join(short(item) for item in value)
    return json.dumps(value, default=str)


def _labels(records: Sequence[AnyRecord]) -> list[str]:
    """The detector of each record, with the settings and images that tell it apart."""
    detectors = [record.detector for record in records]
    labels = _told_apart(detectors, [conditions(record) for record in records])
    places = [f"{record.category}\0{label}" for record, label in zip(records, labels, strict=True)]
    images = [_images(record) for record in records]
    return [label.partition("\0")[2] for label in _told_apart(places, images)]


def _images(record: AnyRecord) -> Conditions:
    return {"images": record.dataset.fingerprint[:8]} if isinstance(record, Record) else {}


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


def _latest_by_seed(records: Iterable[AnyRecord]) -> list[AnyRecord]:
    """One record a seed, that of the latest date, lowest seed first."""
    latest: dict[int, AnyRecord] = {}
    for record in sorted(records, key=lambda record: record.date):
        latest[record.seed] = record
    return [latest[seed] for seed in sorted(latest)]
