"""Triggers by MQTT: each message on a topic has cameras take an image, of the part that it names.

A message that is older than the connection is no trigger: the part it meant is long past. So the
station subscribes anew each time, and leaves out what the broker has retained.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from blemish.errors import BlemishError, UsageError
from blemish.station.contracts import Frame, Health
from blemish.station.outputs.credentials import secret_of
from blemish.station.outputs.mqtt_connection import (
    Connection,
    MqttSettings,
    make_client,
    make_tls,
)
from blemish.station.sources.push import no_frames
from blemish.station.sources.reconnecting import FIRST_SECONDS, MOST_SECONDS
from blemish.typed_json import JsonError, read_json

if TYPE_CHECKING:
    from blemish.station.contracts import Context

LONGEST = 200  # characters of a part's id
MOST_BYTES = 4096


class MqttTriggerSettings(MqttSettings, frozen=True, kw_only=True):
    """Which messages trigger which cameras.

    Attributes:
        cameras: that take an image at each message.
        host, port: of the broker; by default port 1883, with TLS 8883.
        topic: of the messages. One is empty, the part's id as text, or JSON: `{"part": "4711"}`.
        version: of MQTT.
        user: to be known by.
        password: where the password is: `file:PATH` or `env:NAME`.
        tls: encrypt, and check the broker's certificate.
        ca: certificates to trust rather than those of the system.
        certificate, key: of this client.
    """

    cameras: Annotated[tuple[str, ...], Meta(min_length=1)]


class MqttTrigger:
    """Triggers cameras; gives no images itself.

    Args:
        name: of itself.
        settings: which messages, which cameras.
        context: whose station is to trigger them.

    Raises:
        UsageError: the password is not where it is to be.
        OSError: a certificate cannot be read.
    """

    Settings = MqttTriggerSettings
    is_camera = False
    takes_triggers = False

    def __init__(self, name: str, settings: MqttTriggerSettings, context: Context) -> None:
        self.name = name
        self.health = Health()
        self._settings = settings
        self._station, self._say = context.station, context.say
        password = settings.password
        self._password = password and secret_of(password, "password", context.base)
        self._tls = make_tls(settings)
        self._messages: asyncio.Queue[bytes] = asyncio.Queue()

    async def trigger(self, part: str | None = None) -> None:
        """It is no camera. Raises `UsageError`."""
        del part
        raise UsageError(f"'{self.name}' triggers cameras; it is none.")

    def frames(self) -> AsyncIterator[Frame]:
        """None: the cameras have them."""
        return no_frames(self._listen())

    async def _listen(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._trigger_each())
            wait = FIRST_SECONDS
            while True:
                try:
                    await self._connected()
                    wait = FIRST_SECONDS
                except OSError as error:
                    self.health.told = f"cannot connect to {self._settings.host}: {error}"
                await asyncio.sleep(wait)
                self.health.count("reconnects")
                wait = min(2 * wait, MOST_SECONDS)

    async def _connected(self) -> None:
        """Subscribe, and stay so until the connection is lost."""
        loop, (host, port) = asyncio.get_running_loop(), self._settings.address
        client = make_client(self._settings, self._password, self._tls)

        def came(_client: Any, _data: Any, message: Any) -> None:
            loop.call_soon_threadsafe(self._take, message.payload, message.retain)

        client.on_message = came
        connection = Connection(client)
        await connection.open(host, port)
        client.subscribe(self._settings.topic, qos=1)
        self.health.ready = True
        self.health.told = f"listens to {self._settings.topic} at {host}:{port}"
        try:
            await connection.lost.wait()
        finally:
            self.health.ready, self.health.told = False, connection.why or "stopped"
            await connection.close()

    def _take(self, payload: bytes, retained: bool) -> None:
        if not retained:
            self._messages.put_nowait(payload)

    async def _trigger_each(self) -> None:
        while True:
            payload = await self._messages.get()
            self.health.count("triggers")
            try:
                part = part_of(payload)
                for camera in self._settings.cameras:
                    await self._station.trigger(camera, who=self.name, part=part)
            except BlemishError as error:
                self.health.count("refused")
                self._say(f"a trigger is not taken: {error}")


def part_of(payload: bytes) -> str | None:
    """The id of the part that a message names, if it names one.

    Raises:
        UsageError: it is neither empty, nor a short text, nor JSON with the field `part`.
    """
    if len(payload) > MOST_BYTES:
        raise UsageError(f"a message has {len(payload):,} bytes; at most {MOST_BYTES:,}.")
    try:
        text = payload.decode().strip()
        part = read_json(text).get("part") if text.startswith("{") else text
    except (UnicodeDecodeError, JsonError) as error:
        raise UsageError(f"a message is no text: {error}") from None
    if isinstance(part, int) and not isinstance(part, bool):
        part = str(part)
    if part is not None and (not isinstance(part, str) or len(part) > LONGEST):
        raise UsageError(
            f"'part' must be a text of at most {LONGEST} characters; got {json.dumps(part)[:100]}."
        )
    return part or None
