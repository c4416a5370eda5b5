"""Progress on standard error: bars with the time left on a terminal, else a line for each stage.

Where the seconds of all stages have been guessed, the time left of the whole work is told as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from blemish.cli.console import note, say
from blemish.progress import Advance, Ahead, Pace, left_text
from blemish.wording import seconds_text

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

NAME_WIDTH = 16
LINE_SECONDS = 60.0  # between two lines of a stage that takes long

Shown = Callable[[Pace, Ahead], AbstractContextManager[Advance]]


class TerminalProgress:
    """A `blemish.progress.Progress` for whoever sits before a terminal, or reads its log later.

    Args:
        bars: show stages at all, besides what must be heard.
        guessed: seconds of all stages by their names, in order, where they are known.
    """

    def __init__(self, *, bars: bool = True, guessed: Mapping[str, float] | None = None) -> None:
        self._bars, self._ahead = bars, Ahead(guessed or {})

    def stage(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Open a stage of `total` steps; one without steps is not shown."""
        if not (self._bars and total):
            return _silence()
        shown = _bar if sys.stderr.isatty() else _line
        return self._followed(shown, Pace(name, total))

    def say(self, message: str) -> None:
        """Say a sentence as a note, above a bar that runs."""
        note(message)

    @contextmanager
    def _followed(self, shown: Shown, pace: Pace) -> Iterator[Advance]:
        with shown(pace, self._ahead) as advance:
            yield advance
        self._ahead.add(pace.name, pace.seconds)


@contextmanager
def _bar(pace: Pace, ahead: Ahead) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.table import Column

    with Progress(
        TextColumn(f"{pace.name.lower():<{NAME_WIDTH}}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _time_left(pace, ahead),
        TextColumn("{task.fields[note]}", markup=False, table_column=Column(no_wrap=True)),
        console=Console(stderr=True),
        redirect_stdout=False,  # results never go through the bar; notes do, to stay above it
    ) as bars:
        task = bars.add_task(pace.name, total=pace.total, note="")

        def advance(steps: int, note: str | None = None, /) -> None:
            pace.add(steps, note)
            bars.update(task, advance=steps, note=pace.note)

        yield advance


def _time_left(pace: Pace, ahead: Ahead) -> ProgressColumn:
    """The time that a stage took, or that it and the whole work will take yet."""
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class TimeLeft(ProgressColumn):
        def render(self, task: Task) -> Text:
            if task.finished:
                return Text(seconds_text(task.finished_time or 0.0), style="progress.elapsed")
            left = pace.left_seconds()
            told = "" if left is None else f"{left_text(left)} left"
            return Text(told + _whole(ahead, pace), style="progress.remaining")

    return TimeLeft()


def _whole(ahead: Ahead, pace: Pace) -> str:
    left = ahead.left_seconds(pace)
    return "" if left is None else f", {left_text(left)} in all"


@contextmanager
def _line(pace: Pace, ahead: Ahead) -> Iterator[Advance]:
    """A line at the end, and one a minute on the way there."""
    told = perf_counter()

    def advance(steps: int, note: str | None = None, /) -> None:
        nonlocal told
        pace.add(steps, note)
        if perf_counter() - told >= LINE_SECONDS:
            told = perf_counter()
            say(str(pace) + _whole(ahead, pace))

    yield advance
    took = seconds_text(pace.seconds)
    say(f"{pace.name.lower():<{NAME_WIDTH}} {pace.total:>7,}  {took:>8}  {pace.note}".rstrip())


@contextmanager
def _silence() -> Iterator[Advance]:
    yield lambda _steps, _note=None: None
