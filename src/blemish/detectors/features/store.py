"""Where the vectors of a fit are kept: in memory, or in a temporary file where that is too small.

The file is unlinked as soon as it is open where the system allows it, so nothing stays behind
whatever ends the process.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from threading import Lock
from typing import IO

import numpy as np
from numpy.typing import NDArray

from blemish.errors import BlemishError
from blemish.files import append_block
from blemish.search.vectors import Vectors


class VectorStore:
    """Rows of float32 vectors, appended once, then read by image or by row.

    Args:
        dimensions: length of a row.
        rows: how many will come at most.
        on_disk: keep them in a temporary file.
    """

    def __init__(self, dimensions: int, rows: int, *, on_disk: bool) -> None:
        self.dimensions = dimensions
        self.on_disk = on_disk
        self._count = 0
        self._file: IO[bytes] | None = None
        self._seeking = Lock()
        if on_disk:
            _check_disk(rows * dimensions * 4)
            self._file = tempfile.TemporaryFile(prefix="blemish-vectors-")  # noqa: SIM115
        else:
            self._rows = np.empty((rows, dimensions), np.float32)

    def __len__(self) -> int:
        return self._count

    def append(self, rows: Vectors) -> None:
        """Add rows behind the last."""
        if self._file is None:
            self._rows[self._count : self._count + len(rows)] = rows
        else:
            data = np.ascontiguousarray(rows, np.float32).data
            append_block(self._file, data, what="features")
        self._count += len(rows)

    def read(self, first: int, last: int) -> Vectors:
        """The rows from `first` up to `last`."""
        if self._file is None:
            return self._rows[first:last]
        with self._seeking:
            self._file.seek(first * self.dimensions * 4)
            rows = np.fromfile(self._file, np.float32, (last - first) * self.dimensions)
        return rows.reshape(-1, self.dimensions)

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """A copy of some rows, in the order asked for."""
        if self._file is None:
            return self._rows[rows]
        taken = np.empty((len(rows), self.dimensions), np.float32)
        for place in np.argsort(rows, kind="stable"):
            taken[place] = self.read(rows[place], rows[place] + 1)[0]
        return taken

    def all(self) -> Vectors:
        """All rows at once; only for a store in memory."""
        if self.on_disk:
            raise ValueError("the store is on disk so that not all rows are in memory at once")
        return self._rows[: self._count]

    def close(self) -> None:
        """Give memory and file back."""
        self._count = 0
        if self._file is not None:
            self._file.close()
        self._rows = np.empty((0, self.dimensions), np.float32)


def _check_disk(needed_bytes: int) -> None:
    folder = Path(tempfile.gettempdir())
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes > free_bytes:
        raise BlemishError(
            f"The features need {needed_bytes / 1e9:.1f} GB in a temporary file, but '{folder}' "
            f"has {free_bytes / 1e9:.1f} GB free. Allow more 'memory_megabytes', name another "
            "folder (TMPDIR), or use fewer images or a smaller 'image_size'."
        )
