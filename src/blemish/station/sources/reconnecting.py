"""What is gone is tried again, ever more slowly: a camera that starts up is not to be flooded."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

from blemish.errors import BlemishError
from blemish.station.contracts import Health

FIRST_SECONDS = 0.5
MOST_SECONDS = 15.0
LET_GO_SECONDS = 2.0  # that a camera may take to be let go of, before somebody else opens it


def kept_up_in_thread(run: Callable[[], None], stop: Event, health: Health) -> Thread:
    """Run something again and again until `stop` is set; in a thread of its own.

    Args:
        run: connects, sets `health.ready` once there are images, and stays until it fails or ends.
        stop: ends it.
        health: says why it is not ready, and counts `reconnects`.
    """
    thread = Thread(target=_keep_up, args=(run, stop, health), daemon=True)
    thread.start()
    return thread


def _keep_up(run: Callable[[], None], stop: Event, health: Health) -> None:
    wait = FIRST_SECONDS
    while not stop.is_set():
        try:
            run()
            told = "it ended."
        except BlemishError as error:
            told = str(error)
        except Exception as error:
            told = f"{type(error).__name__}: {error}."
        if stop.is_set():
            return
        if health.ready:
            wait = FIRST_SECONDS
        health.ready, health.told = False, f"{told} It is tried again in {wait:g} s."
        if stop.wait(wait):
            return
        health.count("reconnects")
        wait = min(2 * wait, MOST_SECONDS)
