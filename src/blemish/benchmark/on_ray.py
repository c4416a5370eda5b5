"""A crew on the machines of a cluster that Ray runs: a task for each job.

A task does with its job what a thread of this machine does (`blemish.benchmark.processes`): it
starts a worker process and hands on what that tells. So a job that crashes ends as it does here,
with its last words in its record, and whatever Ray itself loses, a machine or a process of its own,
has nothing to do with the job: it is begun anew elsewhere, from what it kept in the shared folder.

To and from tasks goes plain JSON alone; the function is known by its name.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from blemish.benchmark.crew import Event
from blemish.benchmark.needs import Needs, needs_of
from blemish.benchmark.plan import Job
from blemish.benchmark.processes import check_workers
from blemish.benchmark.remote_job import do_job_here
from blemish.benchmark.worker_process import sweep
from blemish.cluster.connect import ClusterError
from blemish.cluster.probe import check_machines, name_of, nodes, versions_here
from blemish.errors import BlemishError, DataError
from blemish.records.folder import read_record, record_path, write_record
from blemish.records.record import FailedRecord, Record, from_dict

PATIENCE_SECONDS = 60.0  # for a machine that has what a job needs
LOOK_SECONDS = 1.0  # between two looks at the machines
ENDING_SECONDS = 10.0  # for tasks to end their workers when the run is ended
MOST_LOST = 5  # times that a job may lose its machine in one run
LOST = "its machine, or Ray there, was lost"
NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}


@dataclass(frozen=True)
class OnRay:
    """Worker processes on all machines of a cluster.

    Every job gets as many cores, whatever machine does it, so that their times can be compared:
    the part of the machine that has fewest. It is begun where these are free, and the memory that
    its detector plans with, and a GPU where it trains on one; what takes most comes first.

    Attributes:
        ray: connected (`blemish.cluster.connect`).
        workers: jobs at a time on the machine that has fewest cores, sharing them.

    Raises:
        UsageError: fewer than one worker.
    """

    ray: Any
    workers: int = 1

    def __post_init__(self) -> None:
        check_workers(self.workers)

    @contextmanager
    def at_work(
        self, jobs: Sequence[Job], directory: Path
    ) -> Iterator[Iterator[tuple[Job, Event]]]:
        """Look at all machines, then begin with the jobs; see `Crew`.

        Raises:
            ClusterError: a machine has other versions than this one, or does not see the folder or
                what the jobs read.
        """
        directory = directory.absolute()
        jobs = [job.with_absolute_paths() for job in jobs]
        seen = sorted({path for job in jobs for path in job.paths()})
        check_machines(self.ray, shared=[directory], readable=seen)
        tasks = _Tasks(self.ray, directory, jobs, self._needs(jobs))
        try:
            yield tasks.events()
        finally:
            tasks.end()

    def _needs(self, jobs: Sequence[Job]) -> dict[str, Needs]:
        machines = [has for _, has in machines_of(self.ray) if has.cores]
        each = min(self.workers, ceil(len(jobs) / max(1, len(machines))))
        fewest = min((has.cores for has in machines), default=1)
        cores = max(1, fewest // each)
        return needs_of(jobs, cores=cores, gpus=any(has.gpus for has in machines))


def machines_of(ray: Any) -> list[tuple[str, Needs]]:
    """Each machine that is alive, and what it has in all, whoever uses it now."""
    found = []
    for node in nodes(ray).values():
        has = node["Resources"]
        amounts = (int(has.get(kind, 0)) for kind in ("CPU", "GPU", "memory"))
        found.append((name_of(node), Needs(*amounts)))
    return found


class _Tasks:
    """Tasks of Ray, each a stream of what its worker tells.

    Args:
        ray: connected.
        directory: of the run, by its whole path.
        jobs: to be done.
        needs: of each, by its id, in the order to begin with them.
    """

    def __init__(
        self, ray: Any, directory: Path, jobs: Sequence[Job], needs: Mapping[str, Needs]
    ) -> None:
        self._ray, self._directory, self._needs = ray, directory, needs
        self._task, self._versions = ray.remote(do_job_here), versions_here()
        self._running: dict[Any, Job] = {}
        self._lost: Counter[str] = Counter()
        self._missed_since: dict[str, float] = {}
        by_id = {job.id: job for job in jobs}
        for name in needs:
            self._begin(by_id[name])

    def events(self) -> Iterator[tuple[Job, Event]]:
        """What workers tell, and the record of each job."""
        looked = time.monotonic()
        while self._running:
            ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=LOOK_SECONDS)
            for stream in ready:
                yield self._running[stream], self._next_event(stream)
            if time.monotonic() - looked >= LOOK_SECONDS:
                yield from self._looked_for_machines()
                looked = time.monotonic()

    def end(self) -> None:
        """End what runs or waits, and see that nothing is left half written."""
        left = list(self._running)
        for stream in left:
            self._ray.cancel(stream)
        until = time.monotonic() + ENDING_SECONDS
        while left and (seconds := until - time.monotonic()) > 0:
            ready, _ = self._ray.wait(left, num_returns=1, timeout=seconds)
            left = [stream for stream in left if stream not in ready or not self._is_over(stream)]
        for stream in left:
            self._ray.cancel(stream, force=True)
        for job in self._running.values():
            sweep(self._directory, job)

    def _begin(self, job: Job) -> None:
        needs = self._needs[job.id]
        task = self._task.options(
            name=job.id,
            num_cpus=needs.cores,
            num_gpus=needs.gpus,
            memory=needs.memory_bytes or None,
            max_retries=0,
            num_returns="streaming",
        )
        environment = {} if needs.gpus else NO_GPU
        stream = task.remote(
            job.to_json(),
            str(self._directory),
            cores=needs.cores,
            environment=environment,
            folder=str(Path.cwd()),
            versions=self._versions,
        )
        self._running[stream] = job

    def _next_event(self, stream: Any) -> Event:
        """What a stream tells, one thing of which is there; the job's record ends it.

        Raises:
            ClusterError: Ray on this machine has ended, or a machine has come that is not like the
                others.
            BlemishError: a machine cannot write a record.
        """
        job, errors = self._running[stream], self._ray.exceptions
        try:
            told = self._ray.get(next(stream))
        except errors.OutOfMemoryError as error:
            del self._running[stream]
            return self._failed(job, f"Memory of its machine ran out: {_first_line(error)}")
        except errors.RayTaskError as error:
            if isinstance(error.cause, BlemishError):
                raise error.cause from error
            raise
        except errors.LocalRayletDiedError as error:
            raise ClusterError(
                "Ray on this machine has ended, which places the jobs. What is done is kept; start "
                "it again, and give the same command."
            ) from error
        except (errors.RayError, StopIteration) as error:
            return self._after_loss(stream, error)
        event: Event = from_dict(told["record"]) if "record" in told else told
        if isinstance(event, Record | FailedRecord):
            del self._running[stream]
        return event

    def _after_loss(self, stream: Any, error: Exception) -> Event:
        """Begin a job again that Ray has lost, unless it was done by then, or is lost too often."""
        job = self._running.pop(stream)
        with suppress(DataError):  # there is none yet
            record = read_record(record_path(self._directory, job.id))
            if isinstance(record, Record):
                return record
        self._lost[job.id] += 1
        if self._lost[job.id] >= MOST_LOST:
            return self._failed(
                job, f"{MOST_LOST} times {LOST}; the last time: {_first_line(error)}"
            )
        self._begin(job)
        return {"say": f"{LOST}; it is begun again elsewhere, and goes on from what it has kept."}

    def _looked_for_machines(self) -> Iterator[tuple[Job, Event]]:
        """Give jobs up that no machine could do, if they had the cluster for themselves."""
        machines, now = machines_of(self._ray), time.monotonic()
        for stream, job in list(self._running.items()):
            needs = self._needs[job.id]
            if any(needs.met_by(has) for _, has in machines):
                self._missed_since.pop(job.id, None)
            elif job.id not in self._missed_since:
                self._missed_since[job.id] = now
                yield job, {"doing": f"waits for a machine with {needs}"}
            elif now - self._missed_since[job.id] >= PATIENCE_SECONDS:
                self._ray.cancel(stream)
                del self._running[stream]
                yield job, self._failed(job, _missing(needs, machines))

    def _failed(self, job: Job, error: str) -> FailedRecord:
        record = job.failed(error)
        write_record(self._directory, record)
        return record

    def _is_over(self, stream: Any) -> bool:
        """Take what a stream has; whether that was all."""
        try:
            self._ray.get(next(stream))
        except (self._ray.exceptions.RayError, StopIteration):
            return True
        return False


def _missing(needs: Needs, machines: Sequence[tuple[str, Needs]]) -> str:
    there = "; ".join(f"{name} has {has}" for name, has in machines) or "none is left"
    return (
        f"No machine of the cluster has what this job needs ({needs}), nor came one within "
        f"{PATIENCE_SECONDS:.0f} s: {there}. Add one, and give the same command again."
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
