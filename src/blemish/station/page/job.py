"""Long work in a process of its own, so that verdicts come as fast as before: learning, fitting.

What it is handed and what it gives are plain values. It runs at a lower priority, and ends with
the station.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

from blemish.errors import BlemishError
from blemish.progress import Advance

NICENESS = 5
TELL_SECONDS = 0.1  # between two words on how far it is


@dataclass
class Job:
    """Work that goes on, or is over.

    Attributes:
        stage, done, total: how far it is.
        said: what a person must hear.
        result: what it gave.
        error: why it gave nothing.
    """

    stage: str = ""
    done: int = 0
    total: int = 0
    said: list[str] = field(default_factory=list)
    result: dict[str, Any] | None = None
    error: str | None = None
    _process: multiprocessing.process.BaseProcess | None = None

    @classmethod
    def start(cls, work: Callable[..., dict[str, Any]], *values: Any) -> Job:
        """Begin `work(*values, progress=...)`, a function of a module, in another process."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(theirs, work, values), daemon=True)
        job = cls(_process=process)
        process.start()
        theirs.close()
        Thread(target=job._listen, args=(ours,), daemon=True).start()
        return job

    @property
    def over(self) -> bool:
        """Whether it has given something, or failed."""
        return self.result is not None or self.error is not None

    def stop(self) -> None:
        """End it, whatever it has done so far."""
        if self._process is not None and not self.over:
            self._process.terminate()

    def _listen(self, ours: Connection) -> None:
        with ours:
            try:
                while not self.over:
                    self._hear(*ours.recv())
            except (EOFError, OSError):
                self.error = self.error or "It was stopped before it had ended."
        if self._process is not None:
            self._process.join()

    def _hear(self, kind: str, value: Any) -> None:
        if kind == "stage":
            self.stage, self.done, self.total = value
        elif kind == "say":
            self.said.append(value)
        elif kind == "result":
            self.result = value
        else:
            self.error = value


class _Told:
    """The progress of a job, told through its pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """Open a stage."""
        done, told = 0, time.monotonic()
        self._pipe.send(("stage", (name, 0, total)))

        def advance(steps: int, _note: str | None = None, /) -> None:
            nonlocal done, told
            done += steps
            if done >= total or time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                self._pipe.send(("stage", (name, done, total)))

        yield advance

    def say(self, message: str) -> None:
        """Tell a sentence."""
        self._pipe.send(("say", message))


def _run(pipe: Connection, work: Callable[..., dict[str, Any]], values: tuple[Any, ...]) -> None:
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    with pipe:
        try:
            pipe.send(("result", work(*values, progress=_Told(pipe))))
        except BlemishError as error:
            pipe.send(("error", str(error)))
        except Exception as error:  # a fault of ours: told on the page, not lost with the process
            pipe.send(("error", f"{type(error).__name__}: {error}"))
            raise
