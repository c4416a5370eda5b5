"""SIGTERM and SIGHUP end a command as Ctrl-C does: what was done is kept, and it says so."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

INTERRUPTED = 128 + signal.SIGINT  # the exit code of shells
NAMES = ("SIGTERM", "SIGHUP")  # the latter when a terminal is closed; not on Windows


class TerminatedError(KeyboardInterrupt):
    """Somebody else asked for the end: whatever is ready for Ctrl-C is ready for this, too."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class EndsLikeCtrlC:
    """While it is open, `TerminatedError` is raised where a signal would end the process.

    Further ones are ignored from then on, so that nothing disturbs the end. A signal that is
    ignored (`nohup`) stays so. Outside the main thread nothing changes.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
                if signal.getsignal(number) is signal.SIG_DFL:
                    self._before[number] = signal.signal(number, self._raise)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _raise(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        for other in self._before:
            signal.signal(other, signal.SIG_IGN)
        raise TerminatedError(number)


def exit_code(error: KeyboardInterrupt) -> int:
    """128 and the number of the signal, as shells have it: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + error.number if isinstance(error, TerminatedError) else INTERRUPTED
