"""The one place that imports Ray and connects with it: without usage statistics, and in time.

Ray (https://docs.ray.io) is an optional part. Code that runs on other machines is sent by name,
never by value: each of them has the same blemish installed (`cluster.probe`).
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from blemish.errors import BlemishError, MissingExtraError, UsageError
from blemish.parallel import THREAD_VARIABLES, available_cores

NO_STATISTICS = "RAY_USAGE_STATS_ENABLED"
LOG_LEVEL = "RAY_BACKEND_LOG_LEVEL"
PATIENCE_SECONDS = 8.0  # for a cluster to answer
AUTO = "auto"


class ClusterError(BlemishError):
    """A cluster cannot be reached, or its machines cannot do the work."""


def ray() -> Any:
    """The module `ray`, without usage statistics unless the environment asks for them.

    Raises:
        MissingExtraError: it is not installed.
    """
    os.environ.setdefault(NO_STATISTICS, "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as Ray will have it
    try:
        return import_module("ray")
    except ImportError as error:
        raise MissingExtraError("engine=ray", "ray") from error


@contextmanager
def connected(address: str | None = None) -> Iterator[Any]:
    """Ray, connected; a program that has connected before keeps its connection.

    Args:
        address: `HOST:PORT` of a cluster that this machine has joined, or `auto` for the one that
            it is part of; by default what `RAY_ADDRESS` says, or a Ray of its own on the cores of
            this machine, which ends with the work.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: the address is none.
        ClusterError: no cluster answers there in time, or this machine is no part of it.
    """
    found = ray()
    if found.is_initialized():
        yield found
        return
    named = "RAY_ADDRESS" if address is None else "ray_address"
    address = os.environ.get("RAY_ADDRESS") or None if address is None else address
    if address is not None:
        check_address(address, named)
    with _silent():
        try:
            with _sigterm_kept(), _not_on_stderr():
                _start(found, address)
            yield found
        finally:
            found.shutdown()


@contextmanager
def _silent() -> Iterator[None]:
    """Have what Ray says of itself go to the log: it would go to standard output, among the data.

    There is no public way to it (https://docs.ray.io knows that of workers, `log_to_driver`).
    """
    worker: Any = import_module("ray._private.worker")
    before = worker.print_to_stdstream
    worker.print_to_stdstream = _log
    try:
        yield
    finally:
        worker.print_to_stdstream = before


def _log(data: dict[str, Any], **_: Any) -> None:
    logging.getLogger("blemish").info("Ray: %s", "\n".join(data["lines"]))


@contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Keep the handler of SIGTERM, in place of which Ray sets its own when it connects."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Ray sets none there
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _not_on_stderr() -> Iterator[None]:
    """Keep what Ray's compiled part says from standard error.

    It warns there of what is no fault (an actor that has an argument in the object store), unless
    a variable keeps it from that, of which it then tells there as well.
    """
    before = os.environ.get(LOG_LEVEL)
    os.environ[LOG_LEVEL] = before or "fatal"
    stderr = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        if before is None:
            del os.environ[LOG_LEVEL]


def check_address(address: str, named: str = "ray_address") -> None:
    """Raise `UsageError` where a text is no address of a cluster.

    Args:
        address: the text.
        named: the parameter or variable that it comes from.
    """
    host, colon, port = address.rpartition(":")
    is_port = port.isdecimal() and 0 < int(port) < 2**16
    if address == AUTO or (colon and host and "://" not in address and is_port):
        return
    told = f"'{named}' must be HOST:PORT or auto; got {address!r}."
    if address.startswith("ray://"):
        told += " Ray's client does not stream data: run the command on a machine of the cluster."
    raise UsageError(told, parameter=named if named == "ray_address" else None)


def _start(found: Any, address: str | None) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        _start_own(found, quiet)
        return
    if address != AUTO:
        _check_answers(address)
    _in_time(lambda: found.init(address=address, **quiet), address)


def _start_own(found: Any, quiet: dict[str, Any]) -> None:
    """Start a Ray of this machine alone. Raises `ClusterError` where it does not start."""
    try:
        found.init(
            address="local",
            num_cpus=available_cores(),
            include_dashboard=False,
            runtime_env={"env_vars": dict.fromkeys(THREAD_VARIABLES, "1")},
            **quiet,
        )
    except Exception as error:  # Ray's own share no base; whatever it is, nothing has been done
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ClusterError(
            f"Ray cannot be started on this machine: {said} Try again; where the machine is busy "
            "it may take too long."
        ) from error


def _check_answers(address: str) -> None:
    """Raise where nothing listens at an address, which Ray itself would wait long for."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE_SECONDS / 4).close()
    except OSError as error:
        raise ClusterError(
            f"No Ray cluster answers at {address} ({error.strerror or error}); start one there "
            "with `ray start --head`, or name another address."
        ) from error


def _in_time(connect: Any, address: str) -> None:
    """Connect, or raise `ClusterError` once it takes too long."""
    failed: list[BaseException] = []

    def attempt() -> None:
        try:
            connect()
        except BaseException as error:  # told below, in the thread that asked
            failed.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    if not thread.is_alive() and not failed:
        return
    how = str(failed[0]).strip().splitlines()[0] if failed else "it takes too long to answer"
    raise ClusterError(
        f"Cannot connect with the Ray cluster at {address}: {how}; it must be up, of the same "
        "versions of Ray and Python, and this machine part of it (`ray start --address HOST:PORT`)."
    ) from (failed[0] if failed else None)
