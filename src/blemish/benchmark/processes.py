"""A crew of worker processes on this machine, which share its cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

from blemish.benchmark.crew import Event
from blemish.benchmark.plan import Job
from blemish.benchmark.worker_process import WorkerProcess
from blemish.errors import UsageError
from blemish.parallel import available_cores
from blemish.records.record import FailedRecord, Record


def check_workers(workers: int) -> None:
    """Raise `UsageError` where there is nobody to do the work."""
    if workers < 1:
        raise UsageError(f"'workers' must be at least 1; got {workers}.", parameter="workers")


@dataclass(frozen=True)
class Processes:
    """Processes of this machine; whatever ends this one, they end with it.

    Attributes:
        workers: processes at a time; each gets its part of the cores.

    Raises:
        UsageError: fewer than one worker.
    """

    workers: int = 1

    def __post_init__(self) -> None:
        check_workers(self.workers)

    @contextmanager
    def at_work(
        self, jobs: Sequence[Job], directory: Path
    ) -> Iterator[Iterator[tuple[Job, Event]]]:
        """Begin with the jobs, as many at a time as there are workers; see `Crew`."""
        watched = _Watched(directory, max(1, min(self.workers, len(jobs))))
        try:
            yield watched.events(jobs)
        finally:
            watched.end()


class _Watched:
    """Worker processes, each watched by a thread, and one queue of what comes from them.

    Args:
        directory: of the run.
        workers: processes at a time.
    """

    def __init__(self, directory: Path, workers: int) -> None:
        self._events: SimpleQueue[tuple[Job, Event | BaseException]] = SimpleQueue()
        self._directory = directory
        self._cores = max(1, available_cores() // workers)
        self._watchers = ThreadPoolExecutor(workers)
        self._running: set[WorkerProcess] = set()
        self._stopped = False
        self._starting = Lock()

    def events(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Event]]:
        """What workers tell, and the record of each job; raises what went wrong in watching."""
        for job in jobs:
            self._watchers.submit(self._watch, job)
        left = len(jobs)
        while left:
            job, event = self._events.get()
            if isinstance(event, BaseException):
                raise event
            left -= isinstance(event, Record | FailedRecord)
            yield job, event

    def end(self) -> None:
        """End what runs, and wait until what it left half written is taken away."""
        with self._starting:
            self._stopped = True
            for process in list(self._running):
                process.end()
        self._watchers.shutdown(cancel_futures=True)

    def _watch(self, job: Job) -> None:
        try:
            process = self._begin(job)
            if process is None:
                return
            for event in process.events():
                self._events.put((job, event))
            self._running.discard(process)
        except BaseException as error:  # raised again where the events are taken
            self._events.put((job, error))

    def _begin(self, job: Job) -> WorkerProcess | None:
        """A process for a job; `None` where the work was stopped."""
        with self._starting:
            if self._stopped:
                return None
            process = WorkerProcess(job, self._directory, self._cores)
            self._running.add(process)
            return process
