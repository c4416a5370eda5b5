"""Forwarders: each is handed all rows in order, from where it came to, however long it was away.

The record itself is the queue. How far a forwarder came is a mark beside it, written once the rows
are delivered: after a crash some may come a second time, and none is left out.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from blemish.station.contracts import Forwarder

if TYPE_CHECKING:
    from blemish.ledger.ledger import Ledger

ROWS_AT_ONCE = 100
LOOK_SECONDS = 5.0  # where nobody says that there is more
CATCH_UP_SECONDS = 0.02  # between two looks whether it has all


class Forwarding:
    """Hands rows to one forwarder.

    Args:
        forwarder: that is given them; with `from_start = False` it is given none from before it
            was there.
        ledger: where they are.
    """

    def __init__(self, forwarder: Forwarder, ledger: Ledger) -> None:
        self.forwarder, self._ledger = forwarder, ledger
        self._mark = f"forwarder/{forwarder.name}"
        self._more = asyncio.Event()
        self._cursor: int | None = None

    @property
    def waiting(self) -> int:
        """Rows that it has not been given yet."""
        return 0 if self._cursor is None else max(0, self._ledger.head().number - self._cursor)

    def wake(self) -> None:
        """Say that there are more rows."""
        self._more.set()

    async def run(self) -> None:
        """Hand on until cancelled. Raises what the forwarder raises."""
        self._cursor = await asyncio.to_thread(self._begin)
        while True:
            self._more.clear()
            rows = await asyncio.to_thread(self._ledger.after, self._cursor, most=ROWS_AT_ONCE)
            if not rows:
                await self._wait()
                continue
            await self.forwarder.deliver(rows)
            self._cursor = rows[-1].number
            await asyncio.to_thread(self._ledger.set_marks, {self._mark: str(self._cursor)})
            self.forwarder.health.count("delivered", len(rows))

    async def caught_up(self, seconds: float) -> None:
        """Wait until it has been given all rows, so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._cursor is not None and self.waiting:
                    await asyncio.sleep(CATCH_UP_SECONDS)

    def _begin(self) -> int:
        kept = self._ledger.mark(self._mark)
        if kept is not None and kept.isdecimal():
            return int(kept)
        if getattr(self.forwarder, "from_start", True):
            return 0
        number = self._ledger.head().number
        self._ledger.set_marks({self._mark: str(number)})
        return number

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._more.wait()
