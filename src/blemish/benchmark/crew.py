"""Who does the jobs of a run: worker processes of this machine, or those that Ray starts on many.

`run_jobs` keeps the books and knows no more of them than this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from blemish.benchmark.plan import Job
from blemish.records.record import AnyRecord

Told = dict[str, Any]  # a line of a worker's protocol: {"say": ...} or {"doing": ...}
Event = Told | AnyRecord


class Crew(Protocol):
    """Does jobs, each in a process of its own."""

    def at_work(
        self, jobs: Sequence[Job], directory: Path
    ) -> AbstractContextManager[Iterator[tuple[Job, Event]]]:
        """Begin with some jobs, and hear what comes of them.

        What workers tell comes as they tell it, and once from each job its record, which is in the
        folder by then; after the last one the iterator ends. When the context is left, what still
        runs is ended and what it left half written is taken away.

        Args:
            jobs: none of which has the record of a result.
            directory: of the run, which is there.

        Raises:
            BlemishError: the jobs cannot be begun, or a record cannot be written.
        """
        ...
