"""The line before the models: so many requests wait, and no more; those beyond are told at once.

A request has a place before a byte of its body is read, so neither bodies nor images ever take more
memory than there are places. Judging is done by as many threads as there are cores. Nobody can take
a thread out of a graph that it runs: a request whose time is over is answered, but its place is
free only when the thread is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

from blemish.errors import BlemishError
from blemish.parallel import available_cores

Result = TypeVar("Result")
AGAIN_SECONDS = 1  # after which whoever was refused may try again


class BusyError(BlemishError):
    """There is no place, or a request's time was over while it waited."""


class TooSlowError(BlemishError):
    """Judging took longer than a request may."""


class Waiting:
    """Places and threads; all of it belongs to one event loop but the threads.

    Args:
        places: requests that wait or are being judged.
        threads: that judge; by default one a core.
        seconds: that a request may take, from its place to its answer.

    Attributes:
        places, seconds: as given.
        taken: places that are taken.
        draining: whether no more places are given.
    """

    def __init__(
        self, *, places: int = 64, threads: int | None = None, seconds: float = 30.0
    ) -> None:
        self.places, self.seconds = places, seconds
        self.taken = 0
        self.draining = False
        self._pool = ThreadPoolExecutor(threads or available_cores(), "judge")
        self._left = 0  # whose requests were answered before they ended

    @property
    def refusal(self) -> str | None:
        """Why there is no place; `None` where there is one."""
        if self.draining:
            return "The service is about to end; ask another, or again in a moment."
        if self.taken + self._left >= self.places:
            return f"All {self.places} places are taken; ask again in a moment."
        return None

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place, for the time of a request. Raises `BusyError` where there is none."""
        if self.refusal is not None:
            raise BusyError(self.refusal)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def run(self, work: Callable[..., Result], /, *args: object, **named: object) -> Result:
        """What a function gives, in a thread of those that judge. Must be in a `place`.

        Raises:
            BusyError: no thread was free in time.
            TooSlowError: it took too long.
        """
        job = self._pool.submit(work, *args, **named)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(job), self.seconds)
        except TimeoutError:
            if job.cancelled():
                raise BusyError("No core was free in time; ask again in a moment.") from None
            if job.done():  # in this very moment, or with an error of its own
                return job.result()
            raise TooSlowError(
                f"Judging took longer than the {self.seconds:g} seconds that a request may take."
            ) from None
        finally:
            if not job.done():
                self._leave(job)

    async def drain(self, seconds: float) -> bool:
        """Give no more places, and wait until all are free; `False` where that took too long."""
        self.draining = True
        end = asyncio.get_running_loop().time() + seconds
        while self.taken or self._left:
            if asyncio.get_running_loop().time() >= end:
                return False
            await asyncio.sleep(0.02)
        return True

    def close(self) -> None:
        """End the threads; what they have begun comes to its end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _leave(self, job: Future[Result]) -> None:
        """Count what goes on though nobody waits for it."""
        loop = asyncio.get_running_loop()
        self._left += 1

        def over(_: Future[Result]) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._forget)

        job.add_done_callback(over)

    def _forget(self) -> None:
        self._left -= 1
