"""Where the console script `blemish` and `python -m blemish` begin.

Ctrl-C while the command line is being loaded ends the process with a short word, as it does later.
"""

from __future__ import annotations

import os
import signal
from typing import NoReturn


def run() -> None:
    """Load the command line, run it, and end the process with its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from blemish.cli.main import run as run_command_line

    run_command_line()


def _leave(*_: object) -> NoReturn:
    """End at once: nothing has been begun, and an exception would end up in some library."""
    os.write(2, b"interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    run()
