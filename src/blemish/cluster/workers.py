"""Pieces of work as tasks of a Ray cluster, each on one core."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from blemish.cluster.connect import ClusterError
from blemish.cluster.probe import check_this_machine, nodes, versions_here
from blemish.parallel import THREAD_VARIABLES

Piece = TypeVar("Piece")
Result = TypeVar("Result")

RETRIES = 3  # of a piece whose machine is lost
LOOK_SECONDS = 5.0  # between two looks at the machines
AHEAD = 2  # pieces a core that are under way: one is worked on, one waits


class RayWorkers:
    """The machines of a cluster.

    Args:
        ray: connected.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def map(
        self,
        work: Callable[[Piece], Result],
        pieces: Iterable[Piece],
        *,
        memory_bytes: int = 0,
    ) -> Iterator[Result]:
        """What `work` makes of each piece, in their order; a piece that is lost is done again.

        Raises:
            ClusterError: no machine has so much memory, or a piece is lost again and again.
            Exception: what `work` raises.
        """
        self._check_fits(memory_bytes)
        task = self._ray.remote(_done).options(
            name=work.__name__,
            num_cpus=1,
            memory=memory_bytes,
            max_retries=RETRIES,
            runtime_env={"env_vars": dict.fromkeys(THREAD_VARIABLES, "1")},
        )
        waiting: deque[Any] = deque()
        here, versions = str(Path.cwd()), versions_here()
        most = AHEAD * max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        try:
            for piece in pieces:
                waiting.append(task.remote(work, piece, here, versions))
                if len(waiting) >= most:
                    yield self._result(waiting.popleft(), memory_bytes)
            while waiting:
                yield self._result(waiting.popleft(), memory_bytes)
        finally:
            for one in waiting:
                self._ray.cancel(one, force=True)

    def _check_fits(self, memory_bytes: int) -> None:
        machines = (node["Resources"] for node in nodes(self._ray).values())
        most = max((has.get("memory", 0) for has in machines if has.get("CPU", 0) >= 1), default=0)
        if memory_bytes > most:
            raise ClusterError(
                f"A piece of the work takes {memory_bytes / 1e9:.1f} GB, and no machine of the "
                f"cluster has more than {most / 1e9:.1f} GB for it; make the pieces smaller (more "
                "'shards'), or add a machine."
            )

    def _result(self, task: Any, memory_bytes: int) -> Any:
        errors = self._ray.exceptions
        try:
            while not self._ray.wait([task], timeout=LOOK_SECONDS)[0]:
                self._check_fits(memory_bytes)  # machines may have gone meanwhile
            return self._ray.get(task)
        except errors.RayTaskError as error:
            raise error.cause from None
        except errors.RayError as error:
            said = str(error).strip().splitlines()[0]
            raise ClusterError(f"A piece of the work was lost {RETRIES} times: {said}") from error


def _done(
    work: Callable[[Piece], Result], piece: Piece, folder: str, versions: Mapping[str, str]
) -> Result:
    """What `work` makes of a piece on this machine, where relative paths begin as they do there.

    Raises:
        ClusterError: this machine has come since all were looked at, and is not like the others.
    """
    check_this_machine(versions)
    with suppress(OSError):  # it is not on this machine, and so no image is below it
        os.chdir(folder)
    return work(piece)
