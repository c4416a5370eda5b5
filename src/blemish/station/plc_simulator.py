"""A small PLC without hardware: it reads a station over Modbus TCP or OPC UA, and ejects parts.

It does what a real one has to: a part passes only on a fresh number, with *good*, while the
heartbeat is alive. Whatever else it reads, or cannot read, ejects the part.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from asyncua import Client, ua
from pymodbus.client import AsyncModbusTcpClient

from blemish.errors import UsageError
from blemish.station.outputs import modbus_map, opcua
from blemish.station.outputs.display import CODES, Code

Kind = Literal["modbus", "opcua"]
OUTCOMES = {int(code): str(outcome) for outcome, code in CODES.items()}
PORTS = {"modbus": 5020, "opcua": 4840}
SCAN_S = 0.02  # between two looks
PATIENCE_S = 3.0  # without a heartbeat, or an answer
AGAIN_S = 1.0  # before it connects again


@dataclass(frozen=True)
class Seen:
    """What one look at the station shows."""

    number: int
    outcome: int
    heartbeat: int
    part: str
    score: float
    threshold: float


class Plc:
    """The program of the PLC: fed with what it sees, it says what it does.

    Args:
        say: told of each thing that it does.
        clock: seconds, from anywhere.

    Attributes:
        passed, ejected: parts so far.
    """

    def __init__(
        self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say, self._clock = say, clock
        self.passed = self.ejected = 0
        self.lose()

    def lose(self) -> None:
        """The connection is gone: what was seen before counts no more."""
        self._number: int | None = None
        self._heartbeat: int | None = None
        self._last_beat: float | None = None
        self._live = False

    def scan(self, seen: Seen) -> bool:
        """Look once. Whether there was a new result."""
        self._follow(seen.heartbeat)
        last, self._number = self._number, seen.number
        if last is None or seen.number in (last, 0):
            return False  # what was there when it came may be of any part
        missed = (seen.number - last) % modbus_map.LARGEST_NUMBER - 1
        if 0 < missed < modbus_map.LARGEST_NUMBER // 2:
            self.ejected += missed
            self._say(f"{missed} results were not read: EJECTED")
        self._act(seen)
        return True

    def _follow(self, heartbeat: int) -> None:
        """Live is what changed, before these eyes and not long ago."""
        now = self._clock()
        if self._heartbeat is not None and heartbeat != self._heartbeat:
            self._last_beat = now
        self._heartbeat = heartbeat
        live = self._last_beat is not None and now - self._last_beat < PATIENCE_S
        if live != self._live:
            self._say("heartbeat alive" if live else "NO HEARTBEAT: every part is ejected")
        self._live = live

    def _act(self, seen: Seen) -> None:
        name = f"result {seen.number}" + (f", part {seen.part}" if seen.part else "")
        outcome = OUTCOMES.get(seen.outcome, "unknown")
        score = f", score {seen.score:.3g} of {seen.threshold:.3g}"
        if seen.outcome == Code.GOOD and self._live:
            self.passed += 1
            self._say(f"{name}: {outcome}{score}: passes")
            return
        self.ejected += 1
        why = outcome + (score if seen.outcome in (Code.DEFECT, Code.NOT_INSPECTABLE) else "")
        self._say(f"{name}: {why}{'' if self._live else ', no heartbeat'}: EJECTED")


class Link(Protocol):
    """A connection to a station."""

    async def read(self) -> Seen:
        """Everything by one request."""
        ...

    async def acknowledge(self, number: int) -> None:
        """Say that a result was taken."""
        ...


async def simulate(
    kind: Kind, address: str | None, say: Callable[[str], None], *, plc: Plc | None = None
) -> None:
    """Be a PLC until cancelled; connects again and again.

    Args:
        kind: by what to talk to the station.
        address: `HOST` or `HOST:PORT` of it; by default on this machine.
        say: told of each thing that it does.
        plc: whose program runs.

    Raises:
        UsageError: there is no such kind, or the address is none.
    """
    if kind not in PORTS:
        raise UsageError(f"there is no PLC of kind '{kind}': 'modbus' or 'opcua'.")
    host, port = _place(address or "127.0.0.1", PORTS[kind])
    link = modbus_link if kind == "modbus" else opcua_link
    plc, told = plc or Plc(say), ""
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # what goes wrong is said here
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    try:
        while True:
            try:
                async with link(host, port) as station:
                    told = ""
                    say(f"connected to {host}:{port} by {kind}")
                    await _run(plc, station)
            except Exception as error:  # of two libraries, each with its own
                if told != _said(error):
                    told = _said(error)
                    say(f"NO CONNECTION to {host}:{port} ({told}): every part is ejected")
            plc.lose()
            if (task := asyncio.current_task()) is not None and task.cancelling():
                return  # which asyncua kept to itself
            await asyncio.sleep(AGAIN_S)
    finally:
        say(f"{plc.passed} parts passed, {plc.ejected} were ejected")


async def _run(plc: Plc, station: Link) -> None:
    while True:
        async with asyncio.timeout(PATIENCE_S):
            seen = await station.read()
            if plc.scan(seen):
                await station.acknowledge(seen.number)
        await asyncio.sleep(SCAN_S)


@asynccontextmanager
async def modbus_link(host: str, port: int) -> AsyncIterator[Link]:
    """Connect by Modbus TCP."""
    client = AsyncModbusTcpClient(host, port=port, timeout=PATIENCE_S, retries=0, reconnect_delay=0)
    try:
        if not await client.connect():
            raise ConnectionError("nobody listens there")
        yield _ModbusLink(client)
    finally:
        client.close()


class _ModbusLink:
    def __init__(self, client: AsyncModbusTcpClient) -> None:
        self._client = client

    async def read(self) -> Seen:
        fields = modbus_map.STATUS
        answer = await self._client.read_input_registers(0, count=modbus_map.size(fields))
        values: dict[str, Any] = modbus_map.read(fields, _right(answer).registers)
        return Seen(**{name: values[name] for name in Seen.__dataclass_fields__})

    async def acknowledge(self, number: int) -> None:
        _right(await self._client.write_register(modbus_map.COMMANDS[0].address, number))


def _right(answer: Any) -> Any:
    if answer.isError():
        raise ConnectionError(f"the station answers {answer}")
    return answer


@asynccontextmanager
async def opcua_link(host: str, port: int) -> AsyncIterator[Link]:
    """Connect by OPC UA, as a guest."""
    async with Client(f"opc.tcp://{host}:{port}/blemish", timeout=PATIENCE_S) as client:
        space = await client.get_namespace_index(opcua.NAMESPACE)
        yield _OpcUaLink(client, space)


class _OpcUaLink:
    NAMES = ("Number", "Outcome", "Heartbeat", "Part", "Score", "Threshold")

    def __init__(self, client: Client, space: int) -> None:
        self._client = client
        names = [f"{opcua.STATION}.{name}" for name in self.NAMES]
        self._nodes = [client.get_node(ua.NodeId(name, space)) for name in names]

    async def read(self) -> Seen:
        return Seen(*await self._client.read_values(self._nodes))

    async def acknowledge(self, number: int) -> None:
        """Guests cannot."""


def _place(address: str, port: int) -> tuple[str, int]:
    host, colon, last = address.rpartition(":")
    if not colon:
        return address, port
    if not host or not last.isdecimal():
        raise UsageError(f"'{address}' is no address like HOST or HOST:PORT.")
    return host, int(last)


def _said(error: Exception) -> str:
    return str(error) or ("no answer" if isinstance(error, TimeoutError) else repr(error))
