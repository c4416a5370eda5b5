"""Whether the line still makes what its models learned from: a monitor a recipe and camera.

A monitor's state is a mark of the ledger, written now and then together with rows. What came after
it is in these rows: at a start they are gone through again, so that nothing is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from blemish.ledger.entry import Entry, Kind, Row
from blemish.monitor.alarm import Alarm
from blemish.monitor.monitor import Monitor
from blemish.monitor.state import State
from blemish.monitor.streams import values_at
from blemish.result import Look
from blemish.station.inspection import View
from blemish.station.recipe import Recipe
from blemish.station.warm import name_of
from blemish.typed_json import JsonError, as_json, as_type, read_json

if TYPE_CHECKING:
    from blemish.ledger.ledger import Ledger
    from blemish.serving.models import Models

PARTS_A_MARK = 200
ROWS_AT_ONCE = 1000
Place = tuple[str, str]  # recipe, camera


class Drift:
    """The monitors of a station; used by one thread at a time, but for `summary`.

    Args:
        ledger: where their states are.
        models: whose training images parts are held against.
    """

    def __init__(self, ledger: Ledger, models: Models) -> None:
        self._ledger, self._models = ledger, models
        self._monitors: dict[Place, Monitor] = {}
        self._marked: dict[Place, int] = {}  # parts of a monitor when its state was written
        self._summary: dict[Place, dict[str, Any]] = {}

    def summary(self, recipe: str) -> dict[str, dict[str, Any]]:
        """Where the line stands, by cameras: parts, evidence, alarm."""
        return {c: told for (r, c), told in list(self._summary.items()) if r == recipe}

    def look(
        self, recipe: Recipe, views: tuple[View, ...]
    ) -> tuple[dict[str, Any] | None, list[Entry]]:
        """Take a part.

        Returns:
            Where the line stands for its recipe, and an event for each alarm that it raised.
        """
        if not recipe.monitor:
            return None, []
        events = []
        for view in views:
            if view.prediction is None:
                continue
            place = recipe.name, view.camera
            monitor = self._monitor(place, view.model_sha256, recipe)
            if monitor is None:
                continue
            alarm = monitor.update(view.prediction)
            if alarm is not None:
                events.append(_event(place, alarm))
            self._summary[place] = _summary(monitor)
        return _worst(self.summary(recipe.name)), events

    def marks(self) -> dict[str, str]:
        """States that are due, as they are before the next part is looked at."""
        due = [
            place
            for place, monitor in self._monitors.items()
            if monitor.parts - self._marked[place] >= PARTS_A_MARK
        ]
        row = self._ledger.head().number if due else 0
        for place in due:
            self._marked[place] = self._monitors[place].parts
        return {_name(place): _text(self._monitors[place], row) for place in due}

    def marks_of_none(self, recipe: Recipe) -> dict[str, str]:
        """The marks that say that the monitors of a recipe begin anew."""
        return {_name((recipe.name, camera)): "" for camera in recipe.cameras}

    def forget(self, recipe: Recipe) -> None:
        """Begin anew with a recipe, once the marks say so."""
        for camera in recipe.cameras:
            self._monitors.pop((recipe.name, camera), None)
            self._summary.pop((recipe.name, camera), None)

    def _monitor(self, place: Place, sha256: str | None, recipe: Recipe) -> Monitor | None:
        """The monitor of a place; a new one where another model judges by now."""
        known = self._monitors.get(place)
        if known is not None and known.model_sha256 == sha256:
            return known
        model = self._models.get(name_of(recipe.model_of(place[1]))).model
        if model.sha256 != sha256:  # swapped a moment ago: this part was judged by the one before
            return None
        monitor = Monitor(model)
        kept = self._read(place)
        if kept is not None and kept[0].model_sha256 == sha256:
            with suppress(ValueError):
                monitor = Monitor.of_state(kept[0])
                self._replay(monitor, place, kept[1])
        else:
            self._ledger.set_marks({_name(place): _text(monitor, self._ledger.head().number)})
        self._monitors[place], self._marked[place] = monitor, monitor.parts
        return monitor

    def _read(self, place: Place) -> tuple[State, int] | None:
        """The state of a monitor, and the row that it goes up to."""
        text = self._ledger.mark(_name(place))
        if not text:
            return None
        with suppress(JsonError, KeyError, TypeError):
            values = read_json(text)
            return as_type(values["state"], State), int(values["row"])
        return None

    def _replay(self, monitor: Monitor, place: Place, number: int) -> None:
        while rows := self._ledger.after(number, most=ROWS_AT_ONCE):
            for row in rows:
                values = _values(row, place, monitor.model_sha256)
                if values is not None:
                    monitor.update_values(values)
            number = rows[-1].number


def _values(row: Row, place: Place, sha256: str) -> Mapping[str, float] | None:
    """What a monitor watches of a row; `None` where it is none of its."""
    recipe, camera = place
    if row.entry.kind != Kind.INSPECTION or row.entry.recipe != recipe:
        return None
    for view in row.entry.body.get("views", ()):
        found = view.get("prediction")
        if view.get("camera") == camera and view.get("model_sha256") == sha256 and found:
            look = found.get("look")
            return values_at(found["score"], None if look is None else Look(**look))
    return None


def _summary(monitor: Monitor) -> dict[str, Any]:
    evidence = monitor.evidence
    stream = max(evidence, key=lambda name: evidence[name])
    return {
        "parts": monitor.parts,
        "evidence": {"stream": stream, "parts_a_chance": evidence[stream]},
        "alarm": None if monitor.alarm is None else monitor.alarm.spell(),
    }


def _worst(summary: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
    """That of the camera with the most evidence, which is named."""
    if not summary:
        return None
    camera = max(summary, key=lambda c: summary[c]["evidence"]["parts_a_chance"])
    alarm = next((told["alarm"] for told in summary.values() if told["alarm"]), None)
    return summary[camera] | {"camera": camera, "alarm": alarm}


def _event(place: Place, alarm: Alarm) -> Entry:
    body = {"event": "drift", "camera": place[1], "told": alarm.spell(), "alarm": asdict(alarm)}
    return Entry(Kind.EVENT, datetime.now(UTC), body, recipe=place[0])


def _name(place: Place) -> str:
    return f"monitor/{place[0]}/{place[1]}"


def _text(monitor: Monitor, row: int) -> str:
    return json.dumps({"row": row, "state": as_json(monitor.to_state())}, allow_nan=False)
