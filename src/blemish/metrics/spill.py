"""Scores that would not fit into memory together, in a temporary file that goes with the object."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import accumulate
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from blemish.files import append_block

ITEM_BYTES = 4


class Spill:
    """Blocks of float32, written one after the other, read in any order and from any thread.

    Attributes:
        sizes: of the blocks, in scores.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="blemish-maps-")  # noqa: SIM115
        self._lock = Lock()
        self.sizes: list[int] = []

    def append(self, block: NDArray[np.float32]) -> None:
        """Write a block. Raises `BlemishError` where the file cannot be written."""
        append_block(self._file, np.ascontiguousarray(block, np.float32).data, what="maps")
        self.sizes.append(block.size)

    def read(self, numbers: Sequence[int]) -> NDArray[np.float32]:
        """The blocks of these numbers, end to end."""
        starts = [0, *accumulate(self.sizes)]
        scores = np.empty(sum(self.sizes[number] for number in numbers), np.float32)
        waiting = scores.view(np.uint8)
        with self._lock:
            for number in numbers:
                length = self.sizes[number] * ITEM_BYTES
                self._file.seek(starts[number] * ITEM_BYTES)
                self._file.readinto(waiting[:length].data)
                waiting = waiting[length:]
        return scores

    def close(self) -> None:
        """End it; the file is gone."""
        self._file.close()
