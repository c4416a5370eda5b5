"""What pages that are open are told as it happens; one that reads slowly loses the oldest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from blemish.station.contracts import Notice

MOST_WAITING = 32


class Notices:
    """Hands notices to whoever listens; belongs to one event loop."""

    def __init__(self) -> None:
        self._listening: set[asyncio.Queue[Notice | None]] = set()

    def tell(self, kind: str, values: Mapping[str, Any]) -> None:
        """Tell all who listen; returns at once."""
        self._put(Notice(kind, datetime.now(UTC), values))

    def end(self) -> None:
        """Let go of all who listen."""
        self._put(None)

    async def subscribe(self) -> AsyncIterator[Notice]:
        """Notices from now on."""
        queue: asyncio.Queue[Notice | None] = asyncio.Queue(MOST_WAITING)
        self._listening.add(queue)
        try:
            while (notice := await queue.get()) is not None:
                yield notice
        finally:
            self._listening.discard(queue)

    def _put(self, notice: Notice | None) -> None:
        for queue in self._listening:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(notice)
