"""A worker process: fits, measures and records one job, then ends.

`WorkerProcess` starts `python -m blemish.benchmark.worker DIR` and writes the job as one line of
JSON to its standard input, which stays open for as long as the parent lives: when it closes the
worker ends too, whatever ended the parent. On standard output the worker writes a line of JSON for
each sentence that a user must hear, `{"say": ...}`, and one a second of what it does,
`{"doing": ...}`. A record is the last thing that a job writes; a long training is kept in
`unfinished/<job>` until then.

Exit code 0: there is a record, of a result or of an error that the user can mend. Anything else:
the worker crashed, and its last words are on standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import TextIO

from blemish.benchmark.plan import Job
from blemish.errors import BlemishError, DataError
from blemish.evaluation import evaluate, write_examples
from blemish.evaluation.recording import make_record
from blemish.files import make_folder
from blemish.model.fitting import fit
from blemish.progress import Advance, Pace, Progress
from blemish.records.folder import write_record
from blemish.records.machine import peak_memory_bytes
from blemish.records.record import Record
from blemish.unfinished import take_away

MODELS, UNFINISHED = "models", "unfinished"
TOLD_SECONDS = 1.0


class ToldProgress:
    """Tells the parent how far it is, and what a user must hear."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Open a stage that the parent hears of."""
        pace, told = Pace(name, total), 0.0

        def advance(steps: int, note: str | None = None, /) -> None:
            nonlocal told
            pace.add(steps, note)
            if time.monotonic() - told >= TOLD_SECONDS:
                told = time.monotonic()
                self._tell("doing", str(pace))

        yield advance

    def say(self, message: str) -> None:
        """Write the sentence as a line of the protocol."""
        self._tell("say", message)

    def _tell(self, what: str, words: str) -> None:
        print(json.dumps({what: words}), file=self._stream, flush=True)


def do_job(job: Job, directory: Path, *, progress: Progress) -> Record:
    """Fit, save the model, measure, write examples and the record.

    Raises:
        BlemishError: whatever the user can mend; no record is written then.
    """
    dataset, detector = job.open_dataset(), job.make_detector()
    if job.id_of(dataset, detector) != job.id:
        raise DataError(
            "The images, or files that the detector takes, have changed since the job was planned."
        )
    for note in dataset.notes:
        progress.say(note)
    unfinished = directory / UNFINISHED / job.id
    start = time.perf_counter()
    model = fit(
        dataset,
        detector,
        false_alarm_rate=job.request.false_alarm_rate,
        smallest_region_px=job.request.smallest_region_px,
        reader=job.reader,
        progress=progress,
        folder=unfinished,
        zones=job.read_zones(),
        align=job.alignment,
    )
    fit_seconds, fit_peak_bytes = time.perf_counter() - start, peak_memory_bytes()
    make_folder(directory / MODELS)
    model.save(directory / MODELS / f"{job.id}.onnx", force=True)
    evaluation = evaluate(model, dataset, progress=progress)
    examples = write_examples(model, dataset, evaluation.images, directory, name=job.id)
    record = make_record(
        model,
        dataset,
        evaluation,
        job=job.id,
        seed=job.seed,
        false_alarm_rate_asked=job.request.false_alarm_rate,
        examples=examples,
        fit_seconds=fit_seconds,
        fit_peak_bytes=fit_peak_bytes,
    )
    write_record(directory, record)
    take_away(unfinished)
    with suppress(OSError):  # another job's is in it, or there never was one
        unfinished.parent.rmdir()
    return record


def main() -> None:
    """Do the job on standard input, in the folder that is the only argument."""
    told = _keep_standard_output()
    job = Job.from_json(sys.stdin.readline())
    directory = Path(sys.argv[1])
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        do_job(job, directory, progress=ToldProgress(told))
    except BlemishError as error:
        write_record(directory, job.failed(str(error)))


def _keep_standard_output() -> TextIO:
    """Standard output for the protocol alone; what libraries print goes to standard error."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stream


def _end_with_parent() -> None:
    # Not through sys.stdin: its lock, held by this thread, would fail the interpreter's own end.
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
