"""The threads that judge, and the watch over them.

Nobody can end a thread that hangs in native code. So a judgement that takes too long is given up,
its part is *not inspected*, and as long as its thread has not come back the inspector counts as
hanging: the heartbeat stops.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from blemish.errors import BlemishError
from blemish.parallel import available_cores
from blemish.station.inspection import View

WATCH_SECONDS = 0.1


class HangError(BlemishError):
    """A judgement has not come in time."""


@dataclass(eq=False)
class _Job:
    work: Callable[[], View]
    done: asyncio.Future[View]


class Judges:
    """Threads that judge one image each at a time; all but the threads belongs to one event loop.

    Args:
        threads: how many; by default a core each.
        hang_seconds: after which a judgement is given up.
    """

    def __init__(self, threads: int | None = None, *, hang_seconds: float = 10.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._ended = False
        self._hang_seconds = hang_seconds
        self._busy: dict[int, tuple[_Job, float]] = {}  # by the number of the thread, since when
        self._count = threads or available_cores()
        for number in range(self._count):
            threading.Thread(
                target=self._work, args=(number,), name=f"judge {number}", daemon=True
            ).start()

    @property
    def hanging(self) -> int:
        """Threads that have not come back in time."""
        before = time.monotonic() - self._hang_seconds
        return sum(since < before for _, since in list(self._busy.values()))

    def judge(self, work: Callable[[], View]) -> asyncio.Future[View]:
        """Have something judged; the future has a `HangError` where that does not come to an end.

        Args:
            work: in a thread; whatever it raises, the future has.
        """
        job = _Job(work, self._loop.create_future())
        with self._wake:
            self._jobs.append(job)
            self._wake.notify()
        return job.done

    async def watch(self) -> None:
        """Give up what hangs, until cancelled."""
        while True:
            before = time.monotonic() - self._hang_seconds
            hanging = [job for job, since in list(self._busy.values()) if since < before]
            waiting: list[_Job] = []
            if len(hanging) == self._count:  # nobody is left who could judge what waits
                with self._wake:
                    waiting = list(self._jobs)
                    self._jobs.clear()
            for job in (*hanging, *waiting):
                if not job.done.done():
                    told = f"The model has not answered within {self._hang_seconds:g} s; it hangs."
                    job.done.set_exception(HangError(told))
            await asyncio.sleep(WATCH_SECONDS)

    def close(self) -> None:
        """Let the threads end, each after what it is at."""
        with self._wake:
            self._ended = True
            self._wake.notify_all()

    def _work(self, number: int) -> None:
        while (job := self._next()) is not None:
            if job.done.done():  # nobody waits for it any more
                continue
            self._busy[number] = job, time.monotonic()
            try:
                tell: Callable[[], object] = partial(job.done.set_result, job.work())
            except BaseException as error:  # a thread that ends would judge nothing more
                told = RuntimeError(f"{type(error).__name__}: {error}")
                tell = partial(job.done.set_exception, told)
            finally:
                del self._busy[number]
            self._tell(job, tell)

    def _next(self) -> _Job | None:
        with self._wake:
            self._wake.wait_for(lambda: self._jobs or self._ended)
            return None if self._ended else self._jobs.popleft()

    def _tell(self, job: _Job, tell: Callable[[], object]) -> None:
        def unless_given_up() -> None:
            if not job.done.done():
                tell()

        try:
            self._loop.call_soon_threadsafe(unless_given_up)
        except RuntimeError:  # the loop has ended
            self._ended = True
