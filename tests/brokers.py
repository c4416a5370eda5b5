"""A mosquitto that tests start, stop and start again."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import time
from contextlib import closing

import pytest

BROKER = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin")
WAIT_S = 20


def free_port():
    """One that nobody has; mosquitto takes no 0."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Broker:
    """A mosquitto of one folder and port."""

    def __init__(self, folder, *lines):
        self.port = free_port()
        self._file = folder / "mosquitto.conf"
        listener = [
            f"listener {self.port} 127.0.0.1",
            "persistence false",
            f"user {getpass.getuser()}",
            *lines,
        ]
        self._file.write_text("\n".join(listener) + "\n")
        self._process = None

    def start(self):
        self._process = subprocess.Popen([BROKER, "-c", self._file], stderr=subprocess.PIPE)
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            with closing(socket.socket()) as found:
                if found.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, self._process.stderr.read()
            time.sleep(0.02)
        pytest.fail("mosquitto does not listen")

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait(WAIT_S)
            self._process.stderr.close()
            self._process = None
