"""What a task of Ray does with its job, on whatever machine it is.

It does what a thread of `blemish.benchmark.processes` does: starts a worker process, and hands on
what that tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from blemish.benchmark.crew import Event
from blemish.benchmark.plan import Job
from blemish.benchmark.worker_process import WorkerProcess
from blemish.cluster.probe import check_this_machine
from blemish.records.record import FailedRecord, Record

LISTEN_SECONDS = 0.2  # until a task that is cancelled knows of it


def do_job_here(
    job: str,
    directory: str,
    *,
    cores: int,
    environment: dict[str, str],
    folder: str,
    versions: dict[str, str],
) -> Iterator[dict[str, Any]]:
    """Do a job in a worker process of this machine.

    Args:
        job: as JSON.
        directory: of the run.
        cores: that it may use.
        environment: what it has besides the environment of Ray's process.
        folder: that the run was begun in; where it is here, too, paths lead from it.
        versions: that this machine has to have; it may have come since all were looked at.

    Yields:
        What the worker tells, and last `{"record": ...}`.

    Raises:
        ClusterError: this machine is not like the others, or does not see the folder of the run.
        BlemishError: the record of a crash cannot be written.
    """
    check_this_machine(versions, shared=Path(directory))
    here = Path(folder) if Path(folder).is_dir() else None
    process = WorkerProcess(
        Job.from_json(job), Path(directory), cores, environment=environment, folder=here
    )
    for event in _heard(process):
        yield {"record": event.to_dict()} if isinstance(event, Record | FailedRecord) else event


def _heard(process: WorkerProcess) -> Iterator[Event]:
    """The events of a worker, heard by a thread: whoever waits for a pipe is not to be cancelled.

    Whatever ends this, the worker ends with it.
    """
    queue: SimpleQueue[Event | BaseException | None] = SimpleQueue()

    def listen() -> None:
        try:
            for event in process.events():
                queue.put(event)
        except BaseException as error:  # raised again where the events are taken
            queue.put(error)
        else:
            queue.put(None)

    listener = Thread(target=listen)
    listener.start()
    try:
        while True:
            with suppress(Empty):
                event = queue.get(timeout=LISTEN_SECONDS)
                if event is None:
                    return
                if isinstance(event, BaseException):
                    raise event
                yield event
    finally:
        process.end()
        listener.join()
