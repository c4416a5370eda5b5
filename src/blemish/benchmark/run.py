"""Run jobs in worker processes that share the cores; what was done before is not done again.

Every job has a process of its own (`blemish.benchmark.worker`), so one that runs out of memory or
crashes takes nothing with it. Whatever ends this process, its workers end with it and the next run
goes on where this one stopped: a record is there as a whole, or not at all.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Any, Self

from blemish.benchmark.plan import Job
from blemish.benchmark.worker import MODELS
from blemish.errors import UsageError
from blemish.files import make_folder, take_away_temporaries
from blemish.parallel import THREAD_VARIABLES, available_cores
from blemish.progress import LoggedProgress, Progress
from blemish.records.folder import FOLDER, read_record, read_records, record_path, write_record
from blemish.records.record import AnyRecord, FailedRecord, Record

LAST_LINES, LAST_BYTES = 5, 4096

Told = dict[str, Any]  # a line of a worker's protocol
Event = Told | AnyRecord


def run_jobs(
    jobs: Sequence[Job],
    directory: str | Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[AnyRecord]:
    """Do the jobs that have no record yet, and give the records of all.

    A job that fails, or whose worker crashes, gets a record with an `error`; the others go on, and
    a later run tries it again. Models go to `models/`, images to `examples/`, records to
    `records/` below `directory`.

    Args:
        jobs: from `plan_jobs`.
        directory: of this and earlier runs.
        workers: processes at a time; each gets its part of the cores.
        progress: told of each job, and what the jobs say.

    Returns:
        One record for each job, in their order.

    Raises:
        DataError: a record of an earlier run is damaged.
        BlemishError: the folder cannot be written.
        UsageError: fewer than one worker.
    """
    if workers < 1:
        raise UsageError(f"'workers' must be at least 1; got {workers}.", parameter="workers")
    directory, progress = Path(directory), progress or LoggedProgress()
    make_folder(directory)
    known = {record.job: record for record in read_records(directory)}
    done = {name for name, record in known.items() if isinstance(record, Record)}
    waiting = {job.id: job for job in jobs if job.id not in done}
    with progress.stage("jobs", len(jobs)) as advance:
        advance(len(jobs) - len(waiting))
        left = len(waiting)
        with _Workers(directory, max(1, min(workers, left))) as processes:
            processes.start(waiting.values())
            while left:
                job, event = processes.next_event()
                if isinstance(event, Record | FailedRecord):
                    if isinstance(event, FailedRecord):
                        progress.say(f"{job.id} failed: {event.error}")
                    known[job.id] = event
                    left -= 1
                    advance(1, "")
                elif "say" in event:
                    progress.say(f"{job.id}: {event['say']}")
                elif "doing" in event:
                    advance(0, f"{job.category}, {job.detector}: {event['doing']}")
    return [known[job.id] for job in jobs]


class _Workers:
    """Worker processes, each watched by a thread, and one queue of what comes from them.

    What workers tell comes as they tell it, and once from each job its record. When the context is
    left, workers that still run are ended and what they left half written is taken away.

    Args:
        directory: of the run.
        workers: processes at a time.
    """

    def __init__(self, directory: Path, workers: int) -> None:
        self._events: SimpleQueue[tuple[Job, Event | BaseException]] = SimpleQueue()
        self._directory = directory
        cores = str(max(1, available_cores() // workers))
        self._environment = os.environ | dict.fromkeys(THREAD_VARIABLES, cores)
        self._watchers = ThreadPoolExecutor(workers)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._starting = Lock()

    def start(self, jobs: Iterable[Job]) -> None:
        """Begin with the jobs, as many at a time as there are workers."""
        for job in jobs:
            self._watchers.submit(self._watch, job)

    def next_event(self) -> tuple[Job, Event]:
        """Wait for what a worker tells, or a record; raises what went wrong in watching."""
        job, event = self._events.get()
        if isinstance(event, BaseException):
            raise event
        return job, event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._starting:
            self._stopped = True
            for process in list(self._running):
                process.kill()
        self._watchers.shutdown(cancel_futures=True)

    def _watch(self, job: Job) -> None:
        try:
            record = self._record_of(job)
        except BaseException as error:  # raised again where the events are taken
            self._events.put((job, error))
        else:
            if record is not None:
                self._events.put((job, record))

    def _record_of(self, job: Job) -> AnyRecord | None:
        """The record of a job, its own or that of a crash; `None` where the work was stopped."""
        _sweep(self._directory, job)
        with TemporaryFile() as errors:
            process = self._begin(errors)
            if process is None:
                return None
            with process:
                self._hear(process, job)
            self._running.discard(process)
            if process.returncode == 0:
                return read_record(record_path(self._directory, job.id))
            _sweep(self._directory, job)
            if self._stopped:
                return None
            record = job.failed(_last_words(process.returncode, errors))
        write_record(self._directory, record)
        return record

    def _begin(self, errors: IO[bytes]) -> subprocess.Popen[bytes] | None:
        with self._starting:
            if self._stopped:
                return None
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "blemish.benchmark.worker", str(self._directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self._environment,
                start_new_session=True,  # Ctrl-C is for this process, which then ends its workers
            )
            self._running.add(process)
            return process

    def _hear(self, process: subprocess.Popen[bytes], job: Job) -> None:
        """Hand a worker its job and listen until it ends; its input stays open until then."""
        assert process.stdin and process.stdout
        with suppress(BrokenPipeError):  # it died at once; its exit code tells
            os.write(process.stdin.fileno(), f"{job.to_json()}\n".encode())
        for line in process.stdout:
            with suppress(ValueError):  # a worker that was killed may leave half a line
                self._events.put((job, json.loads(line)))
        process.wait()


def _sweep(directory: Path, job: Job) -> None:
    """Take away what a worker that was killed left half written."""
    take_away_temporaries(directory / FOLDER, of=f"{job.id}.json")
    take_away_temporaries(directory / MODELS, of=f"{job.id}.onnx")
    take_away_temporaries(directory / "examples" / job.id)


def _last_words(code: int, errors: IO[bytes]) -> str:
    """How a worker ended, and the last lines that it wrote to standard error."""
    end = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, end - LAST_BYTES))
    lines = errors.read().decode(errors="replace").strip().splitlines()[-LAST_LINES:]
    how = f"with exit code {code}"
    if code < 0:
        how = f"by signal {-code} ({signal.strsignal(-code)})"
    if code == -9:  # SIGKILL, a name that Windows lacks
        how += ", perhaps because memory ran out"
    return "\n".join([f"The worker was ended {how}.", *lines])
