"""Ctrl-C, SIGTERM and SIGHUP that wait until a step is done, so that its result can be saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Interruptions:
    """Holds signals back while it is open; they are delivered when it is closed.

    A second one is delivered at once. Where a signal is ignored, or outside the main thread,
    nothing changes.
    """

    def __init__(self) -> None:
        self.pending: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
                handler = signal.getsignal(number)
                if handler not in (None, signal.SIG_IGN):
                    self._before[number] = handler
                    signal.signal(number, self._hold)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
        if self.pending is not None:
            number, self.pending = self.pending, None
            signal.raise_signal(number)

    def deliver(self) -> None:
        """Let through what was held back; where the program goes on after it, hold again."""
        self.__exit__()
        self.__enter__()

    def _hold(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.pending is None:
            self.pending = number
        else:
            self.__exit__()
