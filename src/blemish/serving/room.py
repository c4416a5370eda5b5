"""Memory for images that are judged at the same time: whoever comes when it is full waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Room:
    """So many bytes, for any number of threads.

    Args:
        most_bytes: for all together; one that alone takes more has the room to itself.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._taken = 0
        self._changed = Condition()

    @contextmanager
    def taken(self, needed_bytes: int) -> Iterator[None]:
        """Wait until there is room, and take it."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._taken or self._taken + needed_bytes <= self.most_bytes
            )
            self._taken += needed_bytes
        try:
            yield
        finally:
            with self._changed:
                self._taken -= needed_bytes
                self._changed.notify_all()
