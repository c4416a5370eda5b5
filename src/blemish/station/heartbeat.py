"""The heartbeat: counted once a second while parts can be judged and recorded, and silent else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

BEAT_SECONDS = 1.0
START_SECONDS = 2.0  # that cameras may take to begin, before that is a trouble


class Heartbeat:
    """Looks whether all is well, and says so as long as it is.

    Args:
        trouble: why no part can be judged and recorded; `None` where all is well.
        changed: told when that changes.
        beat: handed each beat, counted from 1.

    Attributes:
        trouble: as it was when it was last looked at.
        beats: so far.
    """

    def __init__(
        self,
        trouble: Callable[[], str | None],
        changed: Callable[[str | None], Awaitable[None]],
        beat: Callable[[int], Awaitable[None]],
    ) -> None:
        self._look, self._changed, self._beat = trouble, changed, beat
        self.trouble: str | None = "The station is starting."
        self.beats = 0

    async def run(self) -> None:
        """Beat until cancelled."""
        await self._started()
        while True:
            trouble = self._look()
            if trouble != self.trouble:
                self.trouble = trouble
                await self._changed(trouble)
            if trouble is None:
                self.beats += 1
                await self._beat(self.beats)
            await asyncio.sleep(BEAT_SECONDS)

    async def _started(self) -> None:
        """Wait until all is well, for a moment at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while self._look() is not None:
                    await asyncio.sleep(START_SECONDS / 40)
