"""Connections to an MQTT broker: each has a client of its own, and answers in the event loop."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import uuid4

from msgspec import Meta
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from blemish.station.tables import Table

PATIENCE_S = 10.0  # for the broker's answers
KEEPALIVE_S = 5  # a station that is cut off is told to be gone after one and a half times that


class MqttSettings(Table, frozen=True):
    """Of a client: which broker, and how to be known there.

    Attributes:
        host, port: of the broker; by default port 1883, with TLS 8883.
        topic: what all topics begin with.
        version: of MQTT.
        user: to be known by.
        password: where the password is: `file:PATH` or `env:NAME`.
        tls: encrypt, and check the broker's certificate.
        ca: certificates to trust rather than those of the system.
        certificate, key: of this client.
    """

    host: str
    topic: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^+#\x00]*[^+#/\x00]$")]
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    version: Literal["5", "3.1.1"] = "5"
    user: str | None = None
    password: str | None = None
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if self.password is not None and self.user is None:
            raise ValueError("'password' needs 'user'")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("'certificate' and 'key' go together")
        if not self.tls and (self.ca or self.certificate):
            raise ValueError("'ca' and 'certificate' need 'tls = true'")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or (8883 if self.tls else 1883)


class Connection:
    """A client that is connected once, and never again.

    Attributes:
        lost: set when it is no longer connected.
        why: then, in a few words.
    """

    def __init__(self, client: paho.Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._up: asyncio.Future[None] = self._loop.create_future()
        self.lost = asyncio.Event()
        self.why = ""
        client.on_connect = self._connected
        client.on_publish = self._acknowledged
        client.on_disconnect = self._gone

    async def open(self, host: str, port: int) -> None:
        """Connect. Raises `OSError` where that fails or takes too long."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.to_thread(self._client.connect, host, port, KEEPALIVE_S)
                self._client.loop_start()
                await self._up
        except BaseException:
            await self.close()
            raise

    async def publish(self, topic: str, content: bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1; back once the broker has it. Raises `OSError` where it has not."""
        if self.lost.is_set():
            raise ConnectionError(self.why)
        sent = self._client.publish(topic, content, qos=1, retain=retain)
        if sent.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise ConnectionError(paho.error_string(sent.rc))
        answer = self._waiting[sent.mid] = self._loop.create_future()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await answer
        finally:
            self._waiting.pop(sent.mid, None)

    async def close(self) -> None:
        """Disconnect, and forget what was not acknowledged."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
        self._lose("closed")

    # The client calls these in its own thread.

    def _connected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        self._call(self._settle, self._up, str(reason) if reason.is_failure else None)

    def _acknowledged(self, _client: Any, _data: Any, mid: int, reason: Any, _more: Any) -> None:
        self._call(self._answer, mid, str(reason) if reason.is_failure else None)

    def _gone(self, _client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        self._call(self._lose, str(reason))

    def _call(self, function: Any, *values: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *values)

    # And these run in the event loop.

    def _settle(self, future: asyncio.Future[None], refused: str | None) -> None:
        if future.done():
            return
        if refused is None:
            future.set_result(None)
        else:
            future.set_exception(ConnectionError(f"the broker says: {refused}"))
            future.exception()  # nobody need wait for it any more

    def _answer(self, mid: int, refused: str | None) -> None:
        if mid in self._waiting:
            self._settle(self._waiting[mid], refused)

    def _lose(self, why: str) -> None:
        if not self.lost.is_set():
            self.why = f"the connection to the broker is lost: {why}"
            self.lost.set()
        self._settle(self._up, why)
        for future in self._waiting.values():
            self._settle(future, why)


def make_client(
    settings: MqttSettings, password: str | None, tls: ssl.SSLContext | None
) -> paho.Client:
    """A client that connects once, and then has to be made anew."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"blemish-{uuid4().hex[:12]}",
        protocol=paho.MQTTv5 if settings.version == "5" else paho.MQTTv311,
        reconnect_on_failure=False,
    )
    client.connect_timeout = PATIENCE_S / 2
    if settings.user is not None:
        client.username_pw_set(settings.user, password)
    if tls is not None:
        client.tls_set_context(tls)
    return client


def make_tls(settings: MqttSettings) -> ssl.SSLContext | None:
    """What encrypts, if anything is to. Raises `OSError` where a certificate cannot be read."""
    if not settings.tls:
        return None
    made = ssl.create_default_context(cafile=settings.ca)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate is not None:
        made.load_cert_chain(settings.certificate, settings.key)
    return made
