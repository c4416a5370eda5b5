"""How a cluster is reached: in time or not at all, and without a word on standard output."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator

import pytest

from blemish.cluster import connect
from blemish.cluster.connect import ClusterError, connected
from blemish.errors import MissingExtraError, UsageError
from blemish.parallel import available_cores
from clusters import cluster, needs_ray

PATIENCE_S = 60


@pytest.fixture
def listening() -> Iterator[str]:
    """An address where something listens that is no cluster."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'blemish\[ray\]'"), connected():
        pass


@needs_ray
@pytest.mark.parametrize(
    "address",
    ["", "here", "here:", ":6379", "here:port", "here:0", "here:65536", "ray://here:10001"],
)
def test_what_is_no_address_is_wrong_usage(address: str) -> None:
    with pytest.raises(UsageError, match="'ray_address' must be HOST:PORT or auto"):
        enter(address)


@needs_ray
def test_who_named_no_address_is_not_told_of_the_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "nonsense")
    with pytest.raises(UsageError, match="'RAY_ADDRESS' must be HOST:PORT or auto; got 'nonsense'"):
        enter(None)


@needs_ray
def test_a_ray_of_its_own_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        raise TimeoutError("The node timed out.\nAnd more.")

    monkeypatch.setattr(connect.ray(), "init", init)
    with pytest.raises(ClusterError, match="cannot be started on this machine: The node timed out"):
        enter(None)


@needs_ray
def test_an_address_where_nothing_listens_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ClusterError, match=f"No Ray cluster answers at 127.0.0.1:{port} "):
        enter(f"127.0.0.1:{port}")


@needs_ray
def test_what_listens_and_is_no_cluster_is_not_waited_for(
    listening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "PATIENCE_SECONDS", 0.4)
    monkeypatch.setattr(connect.ray(), "init", lambda **_: signal.pause())
    with pytest.raises(ClusterError, match="takes too long to answer"):
        enter(listening)


@needs_ray
def test_why_ray_does_not_connect_is_told(listening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise RuntimeError("Version mismatch: The cluster was started with Ray 1.\nAnd more.")

    monkeypatch.setattr(connect.ray(), "init", refuse)
    with pytest.raises(ClusterError, match=r"Version mismatch.* Ray 1\.; it must be up"):
        enter(listening)


@needs_ray
@pytest.mark.slow
def test_a_ray_of_its_own_has_the_cores_of_this_process_and_ends_with_the_work(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    handler = signal.getsignal(signal.SIGTERM)
    with connected() as ray:
        assert ray.cluster_resources()["CPU"] == available_cores()
        assert signal.getsignal(signal.SIGTERM) is handler
        with connected("127.0.0.1:1") as again:  # one connection of a program is all there can be
            assert again is ray
        assert ray.is_initialized()
    assert not ray.is_initialized()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert capfd.readouterr() == ("", "")


@needs_ray
@pytest.mark.slow
def test_what_ray_says_of_a_lost_machine_is_not_among_the_data(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="blemish")
    with cluster(num_cpus=0) as machines, connected(machines.address) as ray:
        machines.remove_node(machines.add_node(num_cpus=1), allow_graceful=False)
        until = time.monotonic() + PATIENCE_S
        while "marked dead" not in caplog.text and time.monotonic() < until:
            ray.nodes()
    assert "marked dead" in caplog.text
    assert capfd.readouterr().out == ""


def enter(address: str) -> None:
    with connected(address):
        pytest.fail("it is connected")
