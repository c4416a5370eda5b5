"""How signals end a command: with a short word, the exit code of shells, and what was done kept.

SIGTERM and SIGHUP end it as Ctrl-C does.
"""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ExtensionFileLoader
from types import FrameType
from typing import Any, Self

INTERRUPTED = 128 + signal.SIGINT  # the exit code of shells
AGAIN_SECONDS = 0.01  # until Ctrl-C that came while a compiled module was loaded is tried again
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
        self._number: int | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
                if signal.getsignal(number) is signal.SIG_DFL:
                    self._before[number] = signal.signal(number, self._raise)
        return self

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._number is not None and type(error) is KeyboardInterrupt:
            # Compiled code (Ray's) may raise one of its own in place of ours.
            raise TerminatedError(self._number) from error

    def _raise(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        for other in self._before:  # not SIG_IGN, which Python tells of where one has come by then
            signal.signal(other, lambda *_: None)
        self._number = number
        raise TerminatedError(number)


def exit_code(error: KeyboardInterrupt) -> int:
    """128 and the number of the signal, as shells have it: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + error.number if isinstance(error, TerminatedError) else INTERRUPTED


@contextmanager
def ended_by_ctrl_c() -> Iterator[None]:
    """After Ctrl-C the exit code is 130, and no traceback is shown, whatever became of it.

    While a compiled module is being loaded it waits: some end the process otherwise (onnx).
    """
    pressed = False

    def interrupt(_: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        if _loading(frame):
            threading.Timer(AGAIN_SECONDS, _thread.interrupt_main).start()
        else:
            raise KeyboardInterrupt

    if not callable(signal.getsignal(signal.SIGINT)):  # ignored: work in the background
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except BaseException as error:
        if pressed and not (isinstance(error, SystemExit) and not error.code):
            raise SystemExit(INTERRUPTED) from None
        raise
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # what is left to do is to end


def _loading(frame: FrameType | None) -> bool:
    """Whether a compiled module is being loaded."""
    while frame is not None:
        if isinstance(frame.f_locals.get("self"), ExtensionFileLoader):
            return True
        frame = frame.f_back
    return False
