"""What a machine is shown of the newest inspection; the one place where a verdict is withdrawn.

A machine may pass a part only on a `GOOD` that is there now. So the display begins with
`NOT_INSPECTED`, and goes back to it when the heartbeat fails, when the machine has taken the
verdict, when something goes wrong, and at the end.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import IntEnum

from blemish.station.inspection import Inspection, Outcome, deciding

PATIENCE_S = 3.0  # without a heartbeat, before a verdict is withdrawn


class Code(IntEnum):
    """An outcome as a number; zero, which memory is full of, never means that a part is good."""

    NOT_INSPECTED = 0
    GOOD = 1
    DEFECT = 2
    NOT_INSPECTABLE = 3


CODES = {outcome: Code[outcome.name] for outcome in Outcome}


@dataclass(frozen=True)
class Shown:
    """One inspection in a few values.

    Attributes:
        number: counted from 1 since the start; 0 while there was none.
        outcome: what to do with the part.
        score, threshold: raw, of the view that decides; not a number where that was not judged.
        part, recipe, id: of the inspection; empty where there is none.
    """

    number: int = 0
    outcome: Outcome = Outcome.NOT_INSPECTED
    score: float = math.nan
    threshold: float = math.nan
    part: str = ""
    recipe: str = ""
    id: str = ""


class Display:
    """The newest inspection, the counters and the heartbeat.

    Attributes:
        shown: what may be acted upon now.
        counts: parts of each outcome since the start.
        beat: of the station; it stands still when the station cannot judge.
        recipe: in force, as the heartbeat has it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.shown = Shown()
        self.counts = dict.fromkeys(Outcome, 0)
        self.beat = 0
        self.recipe = ""
        self._clock = clock
        self._last_beat: float | None = None

    @property
    def live(self) -> bool:
        """Whether the heartbeat is recent."""
        return self._last_beat is not None and self._clock() - self._last_beat < PATIENCE_S

    def alive(self, beat: int, recipe: str | None) -> None:
        """The station can judge parts."""
        self.beat = beat
        self.recipe = recipe or ""
        self._last_beat = self._clock()

    def show(self, inspection: Inspection) -> None:
        """The newest inspection; without a heartbeat it counts as `NOT_INSPECTED`."""
        outcome = inspection.outcome if self.live else Outcome.NOT_INSPECTED
        view = deciding(inspection.views)
        judged = None if view is None else view.prediction
        self.shown = Shown(
            number=self.shown.number + 1,
            outcome=outcome,
            score=math.nan if judged is None else judged.score,
            threshold=math.nan if view is None or view.threshold is None else view.threshold,
            part=inspection.part or "",
            recipe=inspection.recipe,
            id=inspection.id,
        )
        self.counts[outcome] += 1

    def withdraw(self) -> bool:
        """Take the verdict back; its number stays. Whether there was one."""
        if self.shown.outcome is Outcome.NOT_INSPECTED:
            return False
        self.shown = replace(
            self.shown, outcome=Outcome.NOT_INSPECTED, score=math.nan, threshold=math.nan
        )
        return True

    async def watch(self, changed: Callable[[], Awaitable[None]]) -> None:
        """Withdraw whenever the heartbeat fails, and say so; until cancelled."""
        lived = False
        while True:
            await asyncio.sleep(PATIENCE_S / 10)
            live = self.live
            if not live and (self.withdraw() or lived):
                await changed()
            lived = live
