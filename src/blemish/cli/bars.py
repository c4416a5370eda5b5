"""Progress on standard error: bars with the time left on a terminal, else a line for each stage."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter

from blemish.cli.console import note, say
from blemish.progress import Advance, Pace
from blemish.report.cells import seconds_text

NAME_WIDTH = 16
LINE_SECONDS = 60.0  # between two lines of a stage that takes long


class TerminalProgress:
    """A `blemish.progress.Progress` for whoever sits before a terminal, or reads its log later.

    Args:
        bars: show stages at all, besides what must be heard.
    """

    def __init__(self, *, bars: bool = True) -> None:
        self._bars = bars

    def stage(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Open a stage of `total` steps; one without steps is not shown."""
        if not (self._bars and total):
            return _silence()
        return _bar(name, total) if sys.stderr.isatty() else _line(name, total)

    def say(self, message: str) -> None:
        """Say a sentence as a note, above a bar that runs."""
        note(message)


@contextmanager
def _bar(name: str, total: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeftColumn
    from rich.table import Column

    with Progress(
        TextColumn(f"{name.lower():<{NAME_WIDTH}}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeLeftColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[note]}", markup=False, table_column=Column(no_wrap=True)),
        console=Console(stderr=True),
        redirect_stdout=False,  # results never go through the bar; notes do, to stay above it
    ) as bars:
        task = bars.add_task(name, total=total, note="")

        def advance(steps: int, note: str | None = None, /) -> None:
            bars.advance(task, steps)
            if note is not None:
                bars.update(task, note=note)

        yield advance


@contextmanager
def _line(name: str, total: int) -> Iterator[Advance]:
    """A line at the end, and one a minute on the way there."""
    start = told = perf_counter()
    pace = Pace(name, total)

    def advance(steps: int, note: str | None = None, /) -> None:
        nonlocal told
        pace.add(steps, note)
        if perf_counter() - told >= LINE_SECONDS:
            told = perf_counter()
            say(str(pace))

    yield advance
    took = seconds_text(perf_counter() - start)
    say(f"{name.lower():<{NAME_WIDTH}} {total:>7,}  {took:>8}  {pace.note}".rstrip())


@contextmanager
def _silence() -> Iterator[Advance]:
    yield lambda _steps, _note=None: None
