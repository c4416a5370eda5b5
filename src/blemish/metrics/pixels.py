"""Exact pixel figures of any number of pictures, with memory for the defects' pixels only.

Maps are written to a temporary file as they come. When all are there, the distinct scores of the
defects' pixels are known, and one pass over the file counts all others against them (`ranking`).
"""

from __future__ import annotations

import tempfile
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from blemish.errors import BlemishError
from blemish.metrics.decisions import Decisions, decide
from blemish.metrics.ranking import RankCounts, count_ranks, distinct

CHUNK_PIXELS = 4_000_000  # counted together


class PixelScores:
    """Collects maps and masks, then counts; use it as a context, its file goes with it.

    Args:
        threshold: calibrated, for the decisions.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._file = tempfile.TemporaryFile(prefix="blemish-maps-")  # noqa: SIM115
        self._good: list[tuple[str, int]] = []
        self._defective: dict[str, list[NDArray[np.float32]]] = {}
        self._decisions: dict[str, Decisions] = {}

    def add(self, kind: str, score_map: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """Add a picture.

        Args:
            kind: its defect type, or `good`: what figures can be told apart by.
            score_map: H x W, raw, at the size of the mask.
            mask: H x W, true where defective.

        Raises:
            ValueError: a score is not a number.
            BlemishError: the temporary file cannot be written.
        """
        if np.isnan(score_map).any():
            raise ValueError("a pixel's score is not a number (NaN)")
        good = np.ascontiguousarray(score_map[~mask])
        self._write(good)
        self._good.append((kind, good.size))
        self._defective.setdefault(kind, []).append(score_map[mask])
        counted = decide(score_map, mask, self._threshold)
        self._decisions[kind] = self._decisions.get(kind, Decisions()) + counted

    def _write(self, scores: NDArray[np.float32]) -> None:
        try:
            self._file.write(scores.data)
            self._file.flush()
        except OSError as error:
            raise BlemishError(
                f"Cannot write maps to a temporary file in '{tempfile.gettempdir()}': "
                f"{error.strerror}; make room, or name another folder (TMPDIR)."
            ) from error

    def decisions(self) -> dict[str, Decisions]:
        """What the threshold does to the pixels of each kind of picture."""
        return dict(self._decisions)

    def count(self) -> dict[str, RankCounts]:
        """Counts of the pixels of each kind of picture; they can be added."""
        values = distinct(block for blocks in self._defective.values() for block in blocks)
        none = np.empty(0, np.float32)
        counts = {
            kind: count_ranks(values, np.concatenate(blocks), none)
            for kind, blocks in self._defective.items()
        }
        self._file.seek(0)
        for kind, size in self._chunks():
            block = np.fromfile(self._file, np.float32, size)
            counts[kind] = counts[kind] + count_ranks(values, none, block)
        return counts

    def _chunks(self) -> list[tuple[str, int]]:
        """Stretches of the file of one kind, up to a chunk in size (or one picture)."""
        chunks: list[tuple[str, int]] = []
        for kind, size in self._good:
            if chunks and chunks[-1][0] == kind and chunks[-1][1] + size <= CHUNK_PIXELS:
                chunks[-1] = (kind, chunks[-1][1] + size)
            else:
                chunks.append((kind, size))
        return chunks

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
