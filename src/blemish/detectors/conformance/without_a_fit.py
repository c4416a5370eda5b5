"""What can be checked of a detector before it is fitted."""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from blemish.detectors.conformance.images import DrawnImages, training_images
from blemish.detectors.conformance.subject import (
    Make,
    Problems,
    json_of,
    missing,
    not_plain,
    told_badly,
)
from blemish.detectors.contract import Detector, FitPlan
from blemish.detectors.settings import DetectorSettings
from blemish.errors import DataError, SettingError
from blemish.provenance import Source


def _it_says_what_it_is(detector: Detector) -> Problems:
    name: Any = detector.name
    if not isinstance(name, str) or not name:
        yield f"name must be a text that is not empty; got {name!r}"
    resumable: Any = detector.resumable
    if not isinstance(resumable, bool):
        yield f"resumable must be true or false; got {resumable!r}"


def _fits_take_all_that_they_are_given(detector: Detector) -> Problems:
    takes = inspect.signature(detector.fit)
    for name in ("progress", "folder", "engine"):
        try:
            takes.bind_partial(None, **{name: None})
        except TypeError:
            yield f"fit does not take '{name}'"


def _settings_survive_a_model_file(detector: Detector) -> Problems:
    values = detector.settings.to_dict()
    try:
        again = detector.settings_class.from_dict(json.loads(json_of(values)))
    except (SettingError, TypeError, ValueError) as error:
        yield f"settings do not survive a model file: {error}"
        return
    if again.to_dict() != values:
        yield f"settings come out of a model file as {again.to_dict()}, not as {values}"
    shared = DetectorSettings.shared(values)
    is_fixed = values["image_size"] is not None
    if is_fixed and shared.size_hw != detector.settings.size_hw:
        yield f"to_dict gives the working size {shared.size_hw}, not {detector.settings.size_hw}"


def _settings_are_documented(detector: Detector) -> Problems:
    kind = detector.settings_class
    for one in kind.described():
        if not one.limits.doc:
            yield f"the setting '{one.name}' says nothing of itself"
    others = [*kind.circumstances, *kind.names_of_files()]
    yield from (f"'{name}' is no setting" for name in others if name not in kind.names())


def seed_is_a_setting(make: Make) -> Problems:
    """Whether a detector is made with the seed that is asked for."""
    if make(1).settings.seed != 1:
        yield "the seed that a detector is made with is not that of its settings"


def _origins_are_told(detector: Detector) -> Problems:
    sources = detector.provenance()
    if detector.provenance() != sources:
        yield "provenance differs from one call to the next"
    strangers = _no_sources(sources)
    if strangers:
        yield f"provenance must give sources; got {', '.join(map(repr, strangers))}"
        return
    if len({source.role for source in sources}) < len(sources):
        yield "two sources have the same role"
    for source in sources:
        if not (source.role and source.name and source.licence):
            yield f"a source lacks a role, name or licence: {source}"
        if not re.fullmatch("[0-9a-f]{64}", source.sha256):
            yield f"the sha256 of '{source.name}' is none: '{source.sha256}'"


def _no_sources(sources: Iterable[Any]) -> list[Any]:
    """Those of some things that are no sources."""
    return [
        source
        for source in sources
        if not isinstance(source, Source)
        or not all(isinstance(value, str) for value in vars(source).values())
    ]


def _plans_say_what_a_fit_takes(detector: Detector) -> Problems:
    images = DrawnImages(training_images())
    plan = detector.plan(images)
    lacking = [*missing(plan, FitPlan)]
    if lacking:
        yield from lacking
        return
    if plan.images != len(images.sizes_hw):
        yield f"the plan is for {plan.images} images, not for {len(images.sizes_hw)}"
    if plan.memory_bytes <= 0 or plan.disk_bytes < 0:
        yield f"the plan says {plan.memory_bytes} bytes of memory, {plan.disk_bytes} of disk"
    values = plan.to_dict()
    for name in ("images", "memory_bytes", "disk_bytes"):
        if values.get(name) != getattr(plan, name):
            yield f"the plan's to_dict says {name}={values.get(name)}, not {getattr(plan, name)}"
    yield from not_plain(values, "the plan's to_dict")
    yield from told_badly(plan.told(), "the plan")
    if not all(isinstance(note, str) and note for note in plan.notes()):
        yield "a note of the plan is no text"


def _no_image_is_refused(detector: Detector) -> Problems:
    try:
        detector.plan(DrawnImages({}))
    except DataError:
        return
    yield "a plan for no image raises no DataError"


def _guesses_are_seconds(detector: Detector) -> Problems:
    seconds = detector.estimate_seconds(DrawnImages(training_images()))
    if not seconds or not all(math.isfinite(s) and s >= 0 for s in seconds.values()):
        yield f"estimate_seconds gives {seconds}, which are no seconds by stages"


CHECKS: Sequence[Callable[[Detector], Problems]] = (
    _it_says_what_it_is,
    _fits_take_all_that_they_are_given,
    _settings_survive_a_model_file,
    _settings_are_documented,
    _origins_are_told,
    _plans_say_what_a_fit_takes,
    _no_image_is_refused,
    _guesses_are_seconds,
)
