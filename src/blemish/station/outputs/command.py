"""A program of the user, run for each part: it may set a pin, or move an arm.

It is an `Output`, no `Forwarder`: who moves something acts on the part that is there now. What
could not be told in time is dropped and counted, never told later, and never told again after a
restart. (Who wants every row takes MQTT, a webhook, or the ledger.)

The program is started without a shell, gets a `blemish/state/1` message on its standard input, and
has to end in time. It also runs, with `"alive": false`, at the start, when the heartbeat fails and
at the end, so that what it switches on it can switch off.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from blemish.errors import BlemishError
from blemish.station.contracts import Health
from blemish.station.inspection import Inspection
from blemish.station.outputs import messages
from blemish.station.outputs.display import Display
from blemish.station.tables import Table

if TYPE_CHECKING:
    from blemish.station.contracts import Context

MOST_SAID = 2000  # characters of what the program says on standard error
WAITING = 4  # parts that may wait for the program


class CommandSettings(Table, frozen=True):
    """Of the output.

    Attributes:
        program: and its arguments, each a text of its own: `["/opt/eject", "--lane", "2"]`.
        timeout_seconds: for one run; then the program and its children are ended.
    """

    program: Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(min_length=1)]
    timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 2.0


class CommandError(BlemishError):
    """The program cannot be run, fails, or takes too long."""


class Command:
    """Runs a program per part, one at a time, as an `Output`."""

    Settings = CommandSettings

    def __init__(self, name: str, settings: CommandSettings, context: Context) -> None:
        self.name = name
        self.health = Health()
        self._settings = settings
        self._context = context
        self._display = Display()
        self._waiting: deque[bytes] = deque(maxlen=WAITING)
        self._more = asyncio.Event()

    async def run(self) -> None:
        """Run the program for what is shown, until cancelled."""
        self._waiting.clear()
        await self._changed()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._display.watch(self._changed))
                while True:
                    await self._more.wait()
                    self._more.clear()
                    while self._waiting:
                        if not await self._tell(self._waiting.popleft()):
                            await self._tell(self._stop())
        finally:
            await self._tell(self._stop())
            self.health.ready, self.health.told = False, "stopped"

    async def show(self, inspection: Inspection) -> None:
        """Have the program told."""
        try:
            self._display.show(inspection)
            content = messages.of_state(
                self._display.shown,
                self._station,
                beat=self._display.beat,
                inspection=inspection.to_dict(),
            )
        except BaseException:
            self._display.withdraw()
            await self._changed()
            raise
        self._put(content)

    async def alive(self, beat: int, state: Mapping[str, Any]) -> None:
        """The station lives; the program is not told."""
        self._display.alive(beat, state.get("recipe"))

    async def _changed(self) -> None:
        self._waiting.clear()  # of a station that stopped, nothing counts any more
        self._put(self._stop())

    def _put(self, content: bytes) -> None:
        if len(self._waiting) == WAITING:
            self.health.count("dropped")
        self._waiting.append(content)
        self._more.set()

    def _stop(self) -> bytes:
        return messages.of_stop(self._station, time=datetime.now(UTC))

    @cached_property
    def _station(self) -> str:
        return str(self._context.station.status().get("name", ""))

    async def _tell(self, content: bytes) -> bool:
        """Run the program; whether it did what it should."""
        try:
            await run_program(self._settings.program, content, self._settings.timeout_seconds)
        except CommandError as error:
            self.health.ready, self.health.told = False, str(error)
            self.health.count("failed")
            return False
        self.health.ready, self.health.told = True, "the program does what it should"
        self.health.count("run")
        return True


async def run_program(program: list[str], content: bytes, timeout: float) -> None:
    """Run a program with something on its standard input, and see that it ends.

    Raises:
        CommandError: it cannot be started, ends with another status than 0, or not in time.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *program, stdin=PIPE, stdout=DEVNULL, stderr=PIPE, start_new_session=True
        )
    except OSError as error:
        raise CommandError(f"{program[0]} cannot be started: {error.strerror}.") from error
    said = bytearray()
    try:
        async with asyncio.timeout(timeout):
            await asyncio.gather(_feed(process, content), _listen(process, said))
            status = await process.wait()
    except TimeoutError:
        raise CommandError(f"{program[0]} did not end within {timeout:g} s.") from None
    finally:
        _end(process)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 1)
    if status:
        text = said.decode("utf-8", "replace").strip()
        raise CommandError(f"{program[0]} ended with status {status}: {text or 'it said nothing'}")


def _end(process: Process) -> None:
    """End a program with its children, also those that it left; on Windows it alone."""
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


async def _feed(process: Process, content: bytes) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):  # it need not read
        process.stdin.write(content)
        await process.stdin.drain()
    process.stdin.close()


async def _listen(process: Process, said: bytearray) -> None:
    """Keep the end of what it says, and let the rest go by."""
    assert process.stderr is not None
    while piece := await process.stderr.read(1 << 12):
        said += piece
        del said[:-MOST_SAID]
