"""How long work tells of itself: library functions never print, they take a `Progress`.

`stage` opens a piece of work with a known number of steps; `say` is for what a user must hear even
if nobody watches a bar (patches were sub-sampled, an alpha channel was flattened).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

PACE_SECONDS = 60.0  # that the speed of a stage is taken from
SHORT_SECONDS = 120.0


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


class Pace:
    """How far a stage is, and how long the rest will take at the speed of the last minute.

    Args:
        name: of the stage.
        total: its steps.
    """

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total, self.done, self.note = name, total, 0, ""
        self._seen = deque([(time.monotonic(), 0)])

    def add(self, steps: int, note: str | None = None) -> None:
        """Move on by some steps; a note stays until the next one."""
        self.done += steps
        self.note = self.note if note is None else note
        now = time.monotonic()
        while len(self._seen) > 1 and now - self._seen[1][0] > PACE_SECONDS:
            self._seen.popleft()
        if now > self._seen[-1][0]:
            self._seen.append((now, self.done))

    def left_seconds(self) -> float | None:
        """Seconds that the rest will take; `None` where nothing has been done yet."""
        (start, first), (end, last) = self._seen[0], self._seen[-1]
        return None if last <= first else (self.total - self.done) * (end - start) / (last - first)

    def __str__(self) -> str:
        """`training 400 of 800, 3 min left, student 0.512`."""
        left = self.left_seconds()
        parts = [f"{self.name.lower()} {self.done:,} of {self.total:,}"]
        if left is not None and self.done < self.total:
            told = f"{left:.0f} s" if left < SHORT_SECONDS else f"{left / 60:.0f} min"
            parts.append(f"{told} left")
        return ", ".join([*parts, *([self.note] if self.note else [])])
