"""Brokers and subscribers for tests: a real mosquitto, where there is one."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import subprocess
import time
from collections import defaultdict
from contextlib import closing, contextmanager

import pytest

BROKER = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin")
needs_broker = pytest.mark.skipif(BROKER is None, reason="mosquitto is not installed")
TOPIC = "plant/line3"
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


class Listener:
    """What a subscriber hears, by topic."""

    def __init__(self, port, **login):
        self.heard = defaultdict(list)
        paho = pytest.importorskip("paho.mqtt.client", reason="needs the extra 'station'")
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._ready = False
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: setattr(self, "_ready", True)
        self._client.on_message = self._hear
        if login:
            self._client.username_pw_set(**login)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        end = time.monotonic() + WAIT_S
        while not self._ready:
            assert time.monotonic() < end
            time.sleep(0.01)

    def _hear(self, _client, _data, message):
        said = json.loads(message.payload)
        self.heard[message.topic].append({**said, "retained": message.retain, "qos": message.qos})

    @property
    def state(self):
        """The last one, once there is one."""
        said = self.heard[f"{TOPIC}/state"]
        return said[-1] if said else {}

    @property
    def rows(self):
        return [said["number"] for said in self.heard[f"{TOPIC}/inspection"]]

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def listening(broker, **login):
    made = Listener(broker.port, **login)
    try:
        yield made
    finally:
        made.close()
