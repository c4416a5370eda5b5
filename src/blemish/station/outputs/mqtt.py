"""MQTT: every row at least once, and what is so now as a retained message.

Below the topic of the site file: `inspection`, `review`, `act` and `event` carry the rows of the
ledger, `state` the newest verdict and whether the station lives. Should the station vanish, the
broker says on `state` that nothing is inspected (its last will).

Each connection has a client of its own. A client that is lost takes what it had queued with it: the
ledger's cursor, not the client, knows what is still to be told.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import uuid4

from msgspec import Meta
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from blemish.ledger.entry import Row
from blemish.station.contracts import Health
from blemish.station.inspection import Inspection
from blemish.station.outputs import messages
from blemish.station.outputs.credentials import secret_of
from blemish.station.outputs.display import Display
from blemish.station.tables import Table

if TYPE_CHECKING:
    from blemish.station.contracts import Context

PATIENCE_S = 10.0  # for the broker's answers
KEEPALIVE_S = 5  # a station that is cut off is told to be gone after one and a half times that
SOONEST_S, LATEST_S = 0.5, 15.0  # between attempts to connect
AT_ONCE = 20  # rows that may wait for the broker's word


class MqttSettings(Table, frozen=True):
    """Of the output.

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


class Mqtt:
    """A client of a broker, as an `Output` (the state) and a `Forwarder` (the rows)."""

    Settings = MqttSettings

    def __init__(self, name: str, settings: MqttSettings, context: Context) -> None:
        self.name = name
        self.health = Health()
        self._settings = settings
        self._context = context
        self._display = Display()
        self._connection: Connection | None = None
        self._why = "the broker has not been reached yet"
        self._publishing: set[asyncio.Task[None]] = set()
        self._delivered = 0  # number of the last row that the broker has
        password = settings.password
        self._password = password and secret_of(password, "password", context.base)
        self._tls = make_tls(settings)

    async def run(self) -> None:
        """Keep the connection up until cancelled."""
        if self._password is not None and self._tls is None:
            self._context.say(
                f"{self.name}: the password goes over the network as it is; tls = true"
            )
        wait = SOONEST_S
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._display.watch(self._changed))
            while True:
                try:
                    await self._connect()
                    wait = SOONEST_S
                except OSError as error:
                    why = str(error) or "no answer"
                    self._tell(False, f"cannot connect to {self._settings.host}: {why}")
                await asyncio.sleep(wait)
                wait = min(2 * wait, LATEST_S)

    async def show(self, inspection: Inspection) -> None:
        """Say on `state` what was found."""
        try:
            self._display.show(inspection)
        except BaseException:
            self._display.withdraw()
            raise
        finally:
            self._say_state()

    async def alive(self, beat: int, state: Mapping[str, Any]) -> None:
        """Say on `state` that the station lives."""
        self._display.alive(beat, state.get("recipe"))
        self._say_state()

    async def deliver(self, rows: list[Row]) -> None:
        """Publish rows, in order, until the broker has them all.

        Raises:
            OSError: there is no connection, or the broker refuses or is silent.
        """
        if self._connection is None:
            raise ConnectionError(self._why)
        connection = self._connection
        new = [row for row in rows if row.number > self._delivered]
        for start in range(0, len(new), AT_ONCE):
            some = new[start : start + AT_ONCE]
            answers = await asyncio.gather(
                *[self._publish_row(connection, row) for row in some], return_exceptions=True
            )
            for error in filter(None, answers):
                await connection.close()  # and what it still holds, so that nothing piles up
                raise error
            self._delivered = some[-1].number

    async def _publish_row(self, connection: Connection, row: Row) -> None:
        content = messages.of_row(row, self._station)
        await connection.publish(f"{self._settings.topic}/{row.entry.kind}", content)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            await self._connection.close()

    @cached_property
    def _station(self) -> str:
        return str(self._context.station.status().get("name", ""))

    @property
    def _topic(self) -> str:
        return f"{self._settings.topic}/state"

    def _state(self) -> bytes:
        if self._display.live:
            return messages.of_state(self._display.shown, self._station, beat=self._display.beat)
        return messages.of_stop(self._station, time=datetime.now(UTC))

    async def _connect(self) -> None:
        """Connect, and stay so until the connection is lost."""
        connection = Connection(self._client())
        host, port = self._settings.address
        await connection.open(host, port)
        self._connection = connection
        self._tell(True, f"connected to {host}:{port}")
        self._say_state()
        try:
            await connection.lost.wait()
        except asyncio.CancelledError:
            await self._say_goodbye(connection)
            raise
        finally:
            self._connection = None
            self._tell(False, connection.why or "stopped")
            await connection.close()

    async def _say_goodbye(self, connection: Connection) -> None:
        """A client that disconnects in order has no last will, so it says so itself."""
        stop = messages.of_stop(self._station, time=datetime.now(UTC))
        try:
            await connection.publish(self._topic, stop, retain=True)
        except (OSError, TimeoutError):
            self.health.count("unsaid")

    def _client(self) -> paho.Client:
        client = make_client(self._settings, self._password, self._tls)
        client.will_set(self._topic, messages.of_stop(self._station), qos=1, retain=True)
        return client

    def _say_state(self) -> None:
        """Publish what is so now; what is not heard is not told later."""
        if self._connection is not None and not self._connection.lost.is_set():
            task = asyncio.create_task(self._publish_state(self._connection))
            self._publishing.add(task)
            task.add_done_callback(self._publishing.discard)

    async def _publish_state(self, connection: Connection) -> None:
        try:
            await connection.publish(self._topic, self._state(), retain=True)
        except (OSError, TimeoutError):
            self.health.count("unsaid")

    async def _changed(self) -> None:
        self._say_state()

    def _tell(self, ready: bool, what: str) -> None:
        self.health.ready = ready
        self.health.told = self._why = what


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
