"""Who does the work: this process, or the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from blemish.cli.options import WorkEngine
from blemish.errors import UsageError
from blemish.workers import Workers


def check_address(engine: WorkEngine, address: str | None) -> None:
    """Raise `UsageError` where an address is none, or given though no cluster is to be used."""
    if address is None:
        return
    if engine != WorkEngine.RAY:
        raise UsageError("'ray_address' goes with engine='ray'.")
    from blemish.cluster.connect import check_address as check

    check(address)


@contextmanager
def workers_of(
    engine: WorkEngine, address: str | None, *, readable: Sequence[Path]
) -> Iterator[Workers | None]:
    """The machines of a cluster, once they have been looked at; `None` for this process alone.

    Args:
        engine: who is to do the work.
        address: of the cluster.
        readable: files and folders that all machines have to see.

    Raises:
        MissingExtraError: Ray is not installed.
        ClusterError: the cluster cannot be reached, or its machines cannot do the work.
    """
    if engine != WorkEngine.RAY:
        yield None
        return
    from blemish.cluster.connect import connected
    from blemish.cluster.probe import check_machines
    from blemish.cluster.workers import RayWorkers

    with connected(address) as ray:
        check_machines(ray, readable=readable)
        yield RayWorkers(ray)
