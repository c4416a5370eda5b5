"""Modbus TCP: the newest verdict in registers that a PLC reads; `modbus_map` says what lies where.

A request is answered within one turn of the event loop from registers that were written at once, so
what one request reads belongs together. Modbus knows no users: whoever reaches the port may
acknowledge, and, where the site file allows it, trigger and switch recipes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, field
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from blemish.errors import UsageError
from blemish.station.contracts import Health
from blemish.station.inspection import Inspection, Outcome
from blemish.station.outputs import modbus_map
from blemish.station.outputs.display import CODES, Display
from blemish.station.outputs.modbus_map import COMMANDS, LARGEST_NUMBER, STATUS
from blemish.station.tables import Table

if TYPE_CHECKING:
    from blemish.station.contracts import Context

READ, WRITE = (3, 4), (6, 16)  # function codes that are answered
FIRST_COMMAND = COMMANDS[0].address
UNDER_WAY, DONE, REFUSED = 1, 2, 3  # answers to a change of recipes


class ModbusSettings(Table, frozen=True):
    """Of the output.

    Attributes:
        host, port: where to listen; port 0 for any that is free.
        recipes: numbers of recipes, by their names; others cannot be switched to.
        camera: that `trigger` triggers; without it none.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 5020
    recipes: dict[str, Annotated[int, Meta(ge=1, le=LARGEST_NUMBER)]] = field(default_factory=dict)
    camera: str | None = None

    def __post_init__(self) -> None:
        if len(set(self.recipes.values())) < len(self.recipes):
            raise ValueError("'recipes' gives two recipes the same number")


class Modbus:
    """A Modbus TCP server (pymodbus) as an `Output`.

    Attributes:
        port: where it listens; 0 while it does not.
    """

    Settings = ModbusSettings

    def __init__(self, name: str, settings: ModbusSettings, context: Context) -> None:
        self.name = name
        self.health = Health()
        self.port = 0
        self._settings = settings
        self._context = context
        self._display = Display()
        self._names = {number: recipe for recipe, number in settings.recipes.items()}
        self._asked = {"acknowledged": 0, "trigger_done": 0, "recipe_answer": 0}
        self._last_trigger = 0
        self._working = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refresh()

    async def run(self) -> None:
        """Serve until cancelled."""
        logging.getLogger("pymodbus").setLevel(
            logging.CRITICAL
        )  # each client that goes is an error
        server = ModbusTcpServer(self._device(), address=(self._settings.host, self._settings.port))
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            where = f"{self._settings.host}:{self._settings.port}"
            raise UsageError(f"Modbus cannot listen at {where}: is the port taken?") from error
        self.port = server.transport.sockets[0].getsockname()[1]
        self.health.ready = True
        self.health.told = f"serves Modbus at {self._settings.host}:{self.port}"
        try:
            await self._display.watch(self._changed)
        finally:
            self.health.ready, self.health.told, self.port = False, "stopped", 0
            self._display.withdraw()
            self._refresh()
            await server.shutdown()

    async def show(self, inspection: Inspection) -> None:
        """Write it into the registers."""
        try:
            self._display.show(inspection)
            self._refresh()
        except BaseException:
            self._display.withdraw()
            self._refresh()
            raise

    async def alive(self, beat: int, state: Mapping[str, Any]) -> None:
        """The heartbeat, as a register."""
        self._display.alive(beat, state.get("recipe"))
        self._refresh()

    async def _changed(self) -> None:
        self._refresh()

    def _refresh(self) -> None:
        """Write all registers anew: by one assignment, so that no request sees half of them."""
        shown, recipe = self._display.shown, self._display.recipe
        number = 1 + (shown.number - 1) % LARGEST_NUMBER if shown.number else 0
        values: dict[str, modbus_map.Value] = {
            "version": modbus_map.VERSION,
            "number": number,
            "number_again": number,
            "outcome": CODES[shown.outcome],
            "heartbeat": self._display.beat,
            "score": shown.score,
            "threshold": shown.threshold,
            "part": shown.part,
            "recipe_name": recipe,
            "recipe_number": self._settings.recipes.get(recipe, 0),
            **{outcome.name.lower(): self._display.counts[outcome] for outcome in Outcome},
            **self._asked,
        }
        self._number = number
        self._registers = modbus_map.write(STATUS, values)

    def _device(self) -> SimDevice:
        """Both blocks, for holding and input registers alike, of whatever unit is asked."""
        status = SimData(
            0, count=modbus_map.size(STATUS), datatype=DataType.REGISTERS, readonly=True
        )
        commands = SimData(
            FIRST_COMMAND, count=modbus_map.size(COMMANDS), datatype=DataType.REGISTERS
        )
        return SimDevice(0, simdata=[status, commands], action=self._access)

    async def _access(
        self,
        function: int,
        _start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """What pymodbus calls for each request, before it reads from or writes to `registers`."""
        if function not in (*READ, *WRITE):
            return ExcCodes.ILLEGAL_FUNCTION
        if values is None:  # also of a write, which is answered by what was written
            registers[: len(self._registers)] = self._registers
            return None
        commands = registers[FIRST_COMMAND : FIRST_COMMAND + modbus_map.size(COMMANDS)]
        first = address - FIRST_COMMAND
        commands[first : first + count] = [int(value) for value in values]
        names = {field.name for field in COMMANDS if address <= field.address < address + count}
        return self._obey(names, modbus_map.read(COMMANDS, commands))

    def _obey(self, names: set[str], values: Mapping[str, Any]) -> ExcCodes | None:
        """Do what was written, or refuse all of it."""
        recipe, trigger = self._names.get(values["recipe"]), values["trigger"]
        triggered = "trigger" in names and trigger not in (0, self._last_trigger)
        if ("recipe" in names and recipe is None) or (triggered and self._settings.camera is None):
            return ExcCodes.ILLEGAL_VALUE
        if "acknowledge" in names:
            self._acknowledge(values["acknowledge"])
        if "recipe" in names and recipe is not None:
            self._start(self._switch(recipe))
        if "trigger" in names:
            self._last_trigger = trigger
        if triggered:
            self._start(self._trigger(trigger, values["trigger_part"] or None))
        return None

    def _acknowledge(self, number: int) -> None:
        self._asked["acknowledged"] = number
        if number == self._number:
            self._display.withdraw()
        self._refresh()

    async def _switch(self, recipe: str) -> None:
        self._answer(UNDER_WAY)
        try:
            await self._context.station.switch(recipe, who=self.name)
        except BaseException:
            self._answer(REFUSED)
            raise
        self._answer(DONE)

    def _answer(self, answer: int) -> None:
        self._asked["recipe_answer"] = answer
        self._refresh()

    async def _trigger(self, number: int, part: str | None) -> None:
        assert self._settings.camera is not None
        await self._context.station.trigger(self._settings.camera, who=self.name, part=part)
        self._asked["trigger_done"] = number
        self._refresh()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what takes longer than a request may, one at a time; tell where it fails."""

        async def told() -> None:
            try:
                async with self._working:
                    await work
            except Exception as error:
                self._context.say(f"{self.name}: {error}")

        task = asyncio.create_task(told())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
