"""MQTT: every row at least once, and what is so now as a retained message.

Below the topic of the site file: `inspection`, `review`, `act` and `event` carry the rows of the
ledger, `state` the newest verdict and whether the station lives. Should the station vanish, the
broker says on `state` that nothing is inspected (its last will).

Each connection has a client of its own. A client that is lost takes what it had queued with it: the
ledger's cursor, not the client, knows what is still to be told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from paho.mqtt import client as paho

from blemish.ledger.entry import Row
from blemish.station.contracts import Health
from blemish.station.inspection import Inspection
from blemish.station.outputs import messages
from blemish.station.outputs.credentials import secret_of
from blemish.station.outputs.display import Display
from blemish.station.outputs.mqtt_connection import Connection, MqttSettings, make_client, make_tls

if TYPE_CHECKING:
    from blemish.station.contracts import Context

SOONEST_S, LATEST_S = 0.5, 15.0  # between attempts to connect
AT_ONCE = 20  # rows that may wait for the broker's word


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
