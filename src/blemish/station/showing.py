"""Live outputs: each is shown inspections by a task of its own, so that a slow one delays nobody.

A machine acts on the newest. One that does not keep up is not shown all; how many it missed is
counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from blemish.station.contracts import Output
from blemish.station.inspection import Inspection

MOST_WAITING = 64
SHOW_SECONDS = 5.0
ALIVE_SECONDS = 1.0


class Showing:
    """Shows inspections to one output.

    Args:
        output: that is shown them.
    """

    def __init__(self, output: Output) -> None:
        self.output = output
        self._waiting: asyncio.Queue[Inspection] = asyncio.Queue(MOST_WAITING)

    @property
    def waiting(self) -> int:
        """Inspections that it has not been shown yet."""
        return self._waiting.qsize()

    def show(self, inspection: Inspection) -> None:
        """Hand one on; returns at once. The oldest goes where too many wait."""
        if self._waiting.full():
            self._waiting.get_nowait()
            self._waiting.task_done()
            self.output.health.count("missed")
        self._waiting.put_nowait(inspection)

    async def run(self) -> None:
        """Show until cancelled. Raises what the output raises."""
        while True:
            inspection = await self._waiting.get()
            try:
                async with asyncio.timeout(SHOW_SECONDS):
                    await self.output.show(inspection)
            except Exception:
                self.output.health.count("failed")
                raise
            else:
                self.output.health.count("shown")
            finally:
                self._waiting.task_done()

    async def alive(self, beat: int, state: Mapping[str, Any]) -> None:
        """Hand a heartbeat on; one that cannot be is missed, as it should be."""
        try:
            async with asyncio.timeout(ALIVE_SECONDS):
                await self.output.alive(beat, state)
        except Exception:
            self.output.health.count("heartbeats failed")

    async def shown(self, seconds: float) -> None:
        """Wait until all has been shown, so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._waiting.join()
