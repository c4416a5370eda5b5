"""A PostgreSQL of its own for tests: Debian's, in a temporary folder, reached by a socket alone."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER = "postgres"  # the server refuses to run as root
SECONDS = 60


def find_programs() -> Path:
    """The folder of the server's programs; skips without one that can be run."""
    found = [Path(found) for found in [shutil.which("initdb")] if found]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    if not found:
        pytest.skip("needs PostgreSQL's server (initdb)")
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(USER)
        except KeyError:
            pytest.skip(f"runs as root, and there is no user '{USER}' for the server")
    return found[0].parent


class Server:
    """A server that can be stopped and started again.

    Attributes:
        url: of its database.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self.url = f"postgresql:///postgres?host={folder}&user=blemish"
        self._run("initdb", "-U", "blemish", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = f"-c listen_addresses= -c unix_socket_directories={self._folder} -c fsync=off"
        self._run("pg_ctl", "-w", "-t", str(SECONDS), "-l", str(self._folder / "log"), "-o",
                  settings, "start")  # fmt: skip

    def stop(self) -> None:
        """Stop it at once: whoever is connected is thrown out."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *words: str) -> None:
        as_user = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
        subprocess.run(
            [self._programs / program, "-D", self._folder / "data", *words],
            check=True, cwd=self._folder, timeout=SECONDS + 30, stdout=subprocess.DEVNULL,
            **as_user,
        )  # fmt: skip


@contextmanager
def running() -> Iterator[Server]:
    """A server that runs until the end of the block."""
    programs = find_programs()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a socket's path has to be short
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER, USER)
        server = Server(programs, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        time.sleep(0.1)
        shutil.rmtree(folder, ignore_errors=True)
