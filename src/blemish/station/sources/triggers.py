"""When a camera takes an image: every so many seconds, and whenever it is told to.

Nothing is caught up on: ticks that pass while nobody waits are dropped, or a pause would be
followed by a burst of images of one part. What is told waits, in order, since each stands for a
part; beyond `MOST_WAITING` it is refused.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from blemish.serving.waiting import BusyError

MOST_WAITING = 64

Interval = Annotated[float, Meta(gt=0, le=86_400)]  # seconds


@dataclass(frozen=True)
class Trigger:
    """An image is to be taken.

    Attributes:
        time: since when, on the clock of the event loop, in seconds.
        told: somebody asked for it, so that a part stands there; else it was time for one.
        part: its id, if it has one.
    """

    time: float
    told: bool = False
    part: str | None = None


class Triggers:
    """Ticks of a clock, and triggers with the ids of parts.

    Args:
        interval_seconds: from tick to tick; `None` for none.
    """

    def __init__(self, interval_seconds: float | None = None) -> None:
        self._interval = interval_seconds
        self._due = -math.inf
        self._told: deque[Trigger] = deque()
        self._changed = asyncio.Event()

    def tell(self, part: str | None = None) -> None:
        """An image of this part is to be taken now.

        Raises:
            BusyError: `MOST_WAITING` are still to be taken.
        """
        if len(self._told) >= MOST_WAITING:
            raise BusyError(
                f"{MOST_WAITING} triggers wait for an image, so this one is not taken; see whether "
                "the camera gives images, and trigger more slowly."
            )
        self._told.append(Trigger(now(), told=True, part=part))
        self._changed.set()

    async def next(self) -> Trigger:
        """Wait for the next of them."""
        while not self._told:
            self._changed.clear()
            left = None if self._interval is None else self._due - now()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return self._tick()
        return self._told.popleft()

    def _tick(self) -> Trigger:
        """Keep in step with the clock, unless a whole step was missed."""
        assert self._interval is not None  # or nothing would have ended the wait
        self._due += self._interval
        if self._due <= now():
            self._due = now() + self._interval
        return Trigger(now())


def now() -> float:
    """The clock of the event loop, in seconds."""
    return asyncio.get_running_loop().time()
