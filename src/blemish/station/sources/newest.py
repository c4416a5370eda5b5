"""Live images: a thread puts them in as they come, and only the newest is ever taken.

So latency cannot grow, however slowly images are judged. What is taken for a trigger came after
it: an image from before may show the part before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from blemish.errors import ImageError
from blemish.station.contracts import Health
from blemish.station.sources.triggers import Trigger, Triggers, now

NO_IMAGE = "The camera gave no image of it."

T = TypeVar("T")


class Newest(Generic[T]):
    """Hands images from a thread to the event loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.Future[T]] = set()

    def put(self, image: T) -> None:
        """From any thread: whoever waits has it."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hand, image)

    async def next(self, seconds: float, fire: Callable[[], None] | None = None) -> T:
        """The first that comes from now on.

        Args:
            seconds: to wait for it.
            fire: what makes it come; may block.

        Raises:
            TimeoutError: none came.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.add(future)
        try:
            if fire is not None:
                await asyncio.to_thread(fire)
            return await asyncio.wait_for(future, seconds)
        finally:
            self._waiting.discard(future)

    def _hand(self, image: T) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(image)


async def taken(
    take: Callable[[float], Awaitable[T | None]],
    triggers: Triggers,
    health: Health,
    *,
    delay: float = 0.0,
    patience: float,
) -> AsyncIterator[tuple[Trigger, T | None]]:
    """An image for each trigger, or `None` for one that a part stands for and none came for.

    Args:
        take: gives one, within so many seconds.
        triggers: when to take one.
        health: where those that are not taken are counted, as `missed`.
        delay: seconds from the trigger to the image.
        patience: seconds after which an image would show another part.
    """
    while True:
        trigger = await triggers.next()
        await asyncio.sleep(trigger.time + delay - now())
        try:
            image = await take(trigger.time + delay + patience - now())
        except (TimeoutError, ImageError):
            image = None
        if image is None:
            health.count("missed")
        if image is not None or trigger.told:
            yield trigger, image
