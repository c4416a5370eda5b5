"""Keeps tasks going: one that fails is told of, counted and started again, and takes none along."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from blemish.errors import BlemishError
from blemish.station.contracts import Health

FIRST_SECONDS, MOST_SECONDS = 0.5, 30.0  # to wait before a task is started again
STEADY_SECONDS = 60.0  # after which a failure is the first again


class Supervisor:
    """The tasks of a station; belongs to one event loop.

    Args:
        say: told of each failure.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Callable[[], Awaitable[None]], health: Health) -> None:
        """Keep something going.

        Args:
            name: of it, for people, as in 'camera top'; what had that name is ended by `end`.
            work: that ends with the station; when it ends before, it is begun anew.
            health: where failures are told and counted.
        """
        self._tasks[name] = asyncio.create_task(self._keep(name, work, health), name=name)

    async def end(self, *names: str) -> None:
        """Cancel some tasks, or all of them, and wait for their end."""
        found = [self._tasks.pop(name, None) for name in names or list(self._tasks)]
        ending = [task for task in found if task is not None]
        for task in ending:
            task.cancel()
        for task in ending:
            with suppress(asyncio.CancelledError, Exception):
                await task

    async def _keep(self, name: str, work: Callable[[], Awaitable[None]], health: Health) -> None:
        loop, wait = asyncio.get_running_loop(), FIRST_SECONDS
        while True:
            start = loop.time()
            try:
                await work()
                told = "it ended"
            except Exception as error:
                told = str(error) if isinstance(error, BlemishError) else _spelled(error)
            health.ready, health.told = False, told
            health.count("restarts")
            if loop.time() - start > STEADY_SECONDS:
                wait = FIRST_SECONDS
            self._say(f"{name}: {told}; starting again in {wait:g} s")
            await asyncio.sleep(wait)
            wait = min(2 * wait, MOST_SECONDS)


def _spelled(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
