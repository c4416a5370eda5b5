"""Inspections, and a station that remembers what it was asked, for tests of outputs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import numpy as np

from blemish.errors import UsageError
from blemish.ledger.entry import Entry, Kind, Row
from blemish.result import Prediction, Verdict
from blemish.station.inspection import Inspection, Outcome, View, outcome_of

WAIT_S = 20  # for anything that is to happen


@dataclass
class Station:
    """What outputs ask of their station."""

    asked: list = field(default_factory=list)
    recipes: tuple = ("tile", "leather")

    async def switch(self, recipe, *, who):
        if recipe not in self.recipes:
            raise UsageError(f"there is no recipe '{recipe}'")
        self.asked.append(("switch", recipe, who))

    async def switch_for(self, part, *, who):
        self.asked.append(("switch_for", part, who))

    async def trigger(self, camera, *, who, part=None):
        self.asked.append(("trigger", camera, part))

    def status(self):
        return {"name": "line 3"}


def context(tmp_path=Path(), **station):
    said = []
    return SimpleNamespace(
        folder=tmp_path,
        base=tmp_path,
        ledger=None,
        station=Station(**station),
        say=said.append,
        said=said,
    )


def inspection(verdict=Verdict.GOOD, score=1.5, *, part="A-1", threshold=2.0, cameras=("top",)):
    """Of one view; `None` for one that was not judged."""
    prediction = None
    if verdict is not None:
        prediction = Prediction(score, np.zeros((2, 2), np.float32), verdict=verdict)
    view = View("top", threshold=threshold, prediction=prediction)
    return Inspection(
        id=uuid4().hex,
        time=datetime.now(UTC),
        part=part,
        recipe="tile",
        outcome=outcome_of([view], cameras),
        views=(view,),
    )


def row(number, of=None):
    said = of or inspection(part=f"A-{number}")
    entry = Entry(
        Kind.INSPECTION,
        said.time,
        said.to_dict(),
        key=said.id,
        part=said.part,
        recipe=said.recipe,
        verdict=str(said.outcome),
        score=1.5,
        threshold=2.0,
    )
    return Row(number, entry, f"{number:064x}")


async def until(true, what="it"):
    """Wait until something is true."""
    end = time.monotonic() + WAIT_S
    while not (found := true()):
        assert time.monotonic() < end, f"{what} never came to be"
        await asyncio.sleep(0.01)
    return found


class Running:
    """An output at work, until the end of the block."""

    def __init__(self, output):
        self.output = output

    async def __aenter__(self):
        self._task = asyncio.create_task(self.output.run())
        await until(lambda: self.output.health.ready or self._task.done(), "readiness")
        if self._task.done():
            self._task.result()
        return self.output

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.wait([self._task], timeout=WAIT_S)
        assert self._task.cancelled()


GOOD, DEFECT = Outcome.GOOD, Outcome.DEFECT
