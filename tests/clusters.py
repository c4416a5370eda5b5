"""Clusters of Ray whose machines are all this one: real raylets, which can be killed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from blemish.cluster.connect import ray

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra 'ray'")

# So that a machine that is lost is known to be within a second.
SOON = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 3,
}


@contextmanager
def cluster(**head: Any) -> Iterator[Any]:
    """A cluster with one machine, which has what is given (`num_cpus`, say)."""
    ray()  # as it is set up here: its statistics are off
    from ray.cluster_utils import Cluster

    head |= {"include_dashboard": False, "_system_config": SOON}
    handler = signal.getsignal(signal.SIGTERM)
    one = Cluster(initialize_head=True, head_node_args=head)
    try:
        yield one
    finally:
        one.shutdown()
        signal.signal(signal.SIGTERM, handler)  # each machine has put its own there


def workers_in(directory: Path) -> list[int]:
    """Process ids of the workers of a run, of the kernel's list of processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it has just ended
        if "blemish.benchmark.worker" in words and str(directory) in words:
            found.append(int(path.parent.name))
    return found
