"""How long work tells of itself: library functions never print, they take a `Progress`.

`stage` opens a piece of work with a known number of steps; `say` is for what a user must hear even
if nobody watches a bar (patches were sub-sampled, an alpha channel was flattened).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

SHORT_SECONDS = 120.0
# What is there after so long was there before: steps of a training that is gone on with, say.
AT_ONCE_SECONDS = 0.1
FIRST_SECONDS = 1.0  # in which nothing is told
BURST = 0.1  # share of the time in which half of all steps is a burst, whose end cannot be known
TRUST = 3.0  # the speed of late differs from that of the whole stage by this factor at most
MOST_SEEN = 512
WRONG_BY = 5.0  # a guess of a stage may be wrong by this factor before it is left as it is


class Advance(Protocol):
    """Moves a stage on by some steps; a note, the current loss say, stays until the next one."""

    def __call__(self, steps: int, note: str | None = None, /) -> None:
        """Move on."""
        ...


class Progress(Protocol):
    """What a caller hands in to follow long work."""

    def stage(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Open a stage of `total` steps; the function it gives moves it on by some steps."""
        ...

    def say(self, message: str) -> None:
        """Tell the user one sentence that changes how the result should be read."""
        ...


class LoggedProgress:
    """The default: no bars; what must be heard goes to the logger `blemish` as a warning."""

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:  # noqa: ARG002
        """Open a stage that nobody watches."""
        yield lambda _steps, _note=None: None

    def say(self, message: str) -> None:
        """Log the sentence as a warning."""
        logging.getLogger("blemish").warning(message)


class Named:
    """The progress of a part of some work: the part's name stands before each stage."""

    def __init__(self, name: str, progress: Progress) -> None:
        self._name, self._progress = name, progress

    def stage(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Open a stage under the part's name."""
        return self._progress.stage(f"{self._name}: {name}", total)

    def say(self, message: str) -> None:
        """Tell the user a sentence, of the part."""
        self._progress.say(f"{self._name}: {message}")


class Pace:
    """How far a stage is, and how long the rest will take.

    Steps may come in lumps, and the first ones late: time is told once it can be known, from the
    speed of the latter half of the time, within what the whole of it makes plausible.

    Args:
        name: of the stage.
        total: its steps.
        clock: seconds that never go back.
    """

    def __init__(
        self, name: str, total: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name, self.total, self.done, self.note = name, total, 0, ""
        self._clock, self._start = clock, clock()
        self._seen = [(self._start, 0)]  # when how many steps were done
        self._known: tuple[float, float] | None = None  # when, and how many seconds were left

    @property
    def seconds(self) -> float:
        """Since the stage began."""
        return self._clock() - self._start

    def add(self, steps: int, note: str | None = None) -> None:
        """Move on by some steps; a note stays until the next one."""
        self.done += steps
        self.note = self.note if note is None else note
        if not steps:
            return
        now = self._clock()
        if now - self._start <= AT_ONCE_SECONDS:
            self._seen = [(now, self.done)]
            return
        self._seen.append((now, self.done))
        if len(self._seen) > MOST_SEEN:
            self._seen[1:-1] = self._seen[2:-1:2]

    def left_seconds(self) -> float | None:
        """Seconds that the rest will take; `None` where that cannot be known."""
        now = self._clock()
        if (a_step := self._a_step(now)) is not None:
            last = self._seen[-1][0]
            self._known = (last, (self.total - self.done) * a_step)
        if self._known is None:
            return None
        when, left = self._known
        left -= now - when
        return left if left > 0 or self.done >= self.total else None

    def _a_step(self, now: float) -> float | None:
        """Seconds a step; `None` in the middle of a burst, or where nothing has been done."""
        (start, first), (last, done) = self._seen[0], self._seen[-1]
        if done <= first or now - self._start < FIRST_SECONDS:
            return None
        half = next(at for at, steps in self._seen if 2 * (steps - first) >= done - first)
        if now - half < BURST * (now - start):
            return None
        overall = (last - start) / (done - first)
        at, before = [seen for seen in self._seen if seen[0] <= (start + last) / 2][-1]
        recent = (last - at) / (done - before)
        return min(max(recent, overall / TRUST), overall * TRUST)

    def __str__(self) -> str:
        """`training 400 of 800, 3 min left, student 0.512`."""
        left = self.left_seconds()
        parts = [f"{self.name.lower()} {self.done:,} of {self.total:,}"]
        if left is not None and self.done < self.total:
            parts.append(f"{left_text(left)} left")
        return ", ".join([*parts, *([self.note] if self.note else [])])


class Ahead:
    """How long the rest of some work will take, all of its stages together.

    Args:
        guessed: seconds of its stages by their names, in order. As stages are done, those to come
            are taken to be wrong by the same factor.
    """

    def __init__(self, guessed: Mapping[str, float]) -> None:
        self._guessed = {name.lower(): seconds for name, seconds in guessed.items()}
        self._took = dict.fromkeys(self._guessed, 0.0)

    def add(self, stage: str, seconds: float) -> None:
        """A stage, or one of several of a kind (`training 2/5`), has taken its time."""
        if (name := self._named(stage)) is not None:
            self._took[name] += seconds

    def left_seconds(self, pace: Pace) -> float | None:
        """Seconds until all is done; `None` where that cannot be known."""
        name, left = self._named(pace.name), pace.left_seconds()
        if name is None or left is None:
            return None
        order = list(self._guessed)
        done = [one for one in order[: order.index(name)] if self._took[one]]
        to_come = order[order.index(name) + 1 :]
        took = sum(self._took[one] for one in done)
        guessed = sum(self._guessed[one] for one in done)
        one_of_several = pace.name.lower() != name
        if not one_of_several:
            took, guessed = took + pace.seconds + left, guessed + self._guessed[name]
        factor = min(max(took / guessed, 1 / WRONG_BY), WRONG_BY) if guessed else 1.0
        if one_of_several:
            left = max(left, self._guessed[name] * factor - self._took[name] - pace.seconds)
        return left + factor * sum(self._guessed[one] for one in to_come)

    def _named(self, stage: str) -> str | None:
        return next((name for name in self._guessed if stage.lower().startswith(name)), None)


def left_text(seconds: float) -> str:
    """A time that is left: seconds, minutes or hours."""
    if seconds < SHORT_SECONDS:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 60 * SHORT_SECONDS else f"{seconds / 3600:.1f} h"
