"""A worker process, as whoever starts it sees it: one job, what it tells, and its record.

A job that runs out of memory or crashes takes nothing with it, and its peak memory is its own.
Whatever ends whoever started it, the worker ends with it (`blemish.benchmark.worker`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from blemish.benchmark.crew import Event
from blemish.benchmark.plan import Job
from blemish.benchmark.worker import MODELS
from blemish.files import take_away_temporaries
from blemish.parallel import THREAD_VARIABLES
from blemish.records.folder import FOLDER, read_record, record_path, write_record

LAST_LINES, LAST_BYTES = 5, 4096


class WorkerProcess:
    """Starts a worker for one job.

    Args:
        job: to do.
        directory: of the run.
        cores: that it may use.
        environment: what it has besides the environment of this process.
        folder: that it is in, by default the one that this process is in.
    """

    def __init__(
        self,
        job: Job,
        directory: Path,
        cores: int,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._job, self._directory, self._ended = job, directory, False
        sweep(directory, job)
        self._errors = TemporaryFile()  # noqa: SIM115 - `events` closes it
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "blemish.benchmark.worker", str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={
                **os.environ,
                **dict.fromkeys(THREAD_VARIABLES, str(cores)),
                **(environment or {}),
            },
            cwd=folder,
            start_new_session=True,  # Ctrl-C is for this process, which then ends its workers
        )

    def events(self) -> Iterator[Event]:
        """What it tells, then the record of its job, its own or that of a crash.

        After `end` there is no record.

        Raises:
            BlemishError: the record of a crash cannot be written.
        """
        with self._errors, self._process:
            yield from self._told()
            if self._process.wait() == 0:
                yield read_record(record_path(self._directory, self._job.id))
                return
            sweep(self._directory, self._job)
            if self._ended:
                return
            record = self._job.failed(_last_words(self._process.returncode, self._errors))
        write_record(self._directory, record)
        yield record

    def end(self) -> None:
        """Kill it; whoever listens to its events takes away what it left half written."""
        self._ended = True
        self._process.kill()

    def _told(self) -> Iterator[Event]:
        """Hand it the job and listen until it ends; its input stays open until then."""
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):  # it died at once; its exit code tells
            os.write(self._process.stdin.fileno(), f"{self._job.to_json()}\n".encode())
        for line in self._process.stdout:
            with suppress(ValueError):  # a worker that was killed may leave half a line
                yield json.loads(line)


def sweep(directory: Path, job: Job) -> None:
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
