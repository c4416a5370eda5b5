"""A file of lines that grows with the work: each line is there as a whole, or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from blemish.errors import BlemishError
from blemish.files import write_whole

SYNC_SECONDS = 1.0  # of work that a power cut may cost; to sync each line would cost more than it


class LineFile:
    """Lines that are in the system's hands once `append` returns, and on the disk a second later.

    Whatever ends the process then loses none of them; a power cut those of the last second.

    Args:
        path: of the file, which is made, or replaced whole.
        lines: that it begins with, each with its end.

    Raises:
        BlemishError: it cannot be written.
    """

    def __init__(self, path: Path, lines: Iterable[str] = ()) -> None:
        self._path = path
        content = "".join(lines).encode()
        write_whole(path, content)
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise self._told(error) from error
        self._whole_bytes, self._synced_at = len(content), time.monotonic()

    def append(self, line: str) -> None:
        """Write a line, with its end.

        Raises:
            BlemishError: it cannot be written: the disk is full, say. Those before it stay, and
                no part of it.
        """
        data = line.encode()
        left = data
        try:
            while left:  # in one go, unless the disk is nearly full
                left = left[os.write(self._file, left) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._whole_bytes)
            raise self._told(error) from error
        self._whole_bytes += len(data)
        if time.monotonic() - self._synced_at >= SYNC_SECONDS:
            self._sync()

    def close(self) -> None:
        """Bring all lines to the disk. Raises `BlemishError` where that cannot be."""
        try:
            self._sync()
        finally:
            os.close(self._file)

    def _sync(self) -> None:
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._told(error) from error
        self._synced_at = time.monotonic()

    def _told(self, error: OSError) -> BlemishError:
        return BlemishError(f"Cannot write '{self._path}': {error.strerror}.")
