"""Run jobs in worker processes; what was done before is not done again.

Whatever ends this process, its workers end with it and the next run goes on where this one stopped:
a record is there as a whole, or not at all. Who does the jobs, on this machine or on many, makes no
difference to what lies in the folder, so one crew goes on with what another has begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from blemish.benchmark.crew import Crew
from blemish.benchmark.plan import Job
from blemish.benchmark.processes import Processes
from blemish.files import make_folder
from blemish.progress import LoggedProgress, Progress
from blemish.records.folder import read_records
from blemish.records.record import AnyRecord, FailedRecord, Record


def run_jobs(
    jobs: Sequence[Job],
    directory: str | Path,
    *,
    crew: Crew | None = None,
    progress: Progress | None = None,
) -> list[AnyRecord]:
    """Do the jobs that have no record yet, and give the records of all.

    A job that fails, or whose worker crashes, gets a record with an `error`; the others go on, and
    a later run tries it again. Models go to `models/`, images to `examples/`, records to
    `records/` below `directory`.

    Args:
        jobs: from `plan_jobs`.
        directory: of this and earlier runs.
        crew: who does them: `Processes(workers)`, by default one, or `OnRay`.
        progress: told of each job, and what the jobs say.

    Returns:
        One record for each job, in their order.

    Raises:
        DataError: a record of an earlier run is damaged.
        BlemishError: the folder cannot be written, or the crew cannot do the jobs.
    """
    directory, progress = Path(directory), progress or LoggedProgress()
    make_folder(directory)
    known = {record.job: record for record in read_records(directory)}
    done = {name for name, record in known.items() if isinstance(record, Record)}
    waiting = list({job.id: job for job in jobs if job.id not in done}.values())
    with progress.stage("jobs", len(jobs)) as advance:
        advance(len(jobs) - len(waiting))
        if not waiting:
            return [known[job.id] for job in jobs]
        with (crew or Processes()).at_work(waiting, directory) as events:
            for job, event in events:
                if isinstance(event, Record | FailedRecord):
                    if isinstance(event, FailedRecord):
                        progress.say(f"{job.id} failed: {event.error}")
                    known[job.id] = event
                    advance(1, "")
                elif "say" in event:
                    progress.say(f"{job.id}: {event['say']}")
                elif "doing" in event:
                    advance(0, f"{job.category}, {job.detector}: {event['doing']}")
    return [known[job.id] for job in jobs]
