"""How long work tells of itself: library functions never print, they take a `Progress`.

`stage` opens a piece of work with a known number of steps; `say` is for what a user must hear even
if nobody watches a bar (patches were sub-sampled, an alpha channel was flattened).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


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
