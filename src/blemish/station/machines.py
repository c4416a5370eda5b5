"""All outputs of a station: live ones are shown inspections, forwarders are given rows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from blemish.station.contracts import Forwarder, Output, is_forwarder, is_live
from blemish.station.forwarding import Forwarding
from blemish.station.showing import Showing

if TYPE_CHECKING:
    from blemish.ledger.ledger import Ledger
    from blemish.station.inspection import Inspection
    from blemish.station.supervisor import Supervisor

END_SECONDS = 3.0  # that outputs have to show the end, and forwarders to let go


class Machines:
    """Hands on to all outputs; none of them delays or fails another.

    Args:
        outputs: by their names.
        ledger: that forwarders are given rows of.
    """

    def __init__(self, outputs: Mapping[str, Output | Forwarder], ledger: Ledger) -> None:
        self._showing = {name: Showing(one) for name, one in outputs.items() if is_live(one)}
        self._forwarding = {
            name: Forwarding(one, ledger) for name, one in outputs.items() if is_forwarder(one)
        }

    def start(self, tasks: Supervisor) -> None:
        """Begin the work of each."""
        for name, showing in self._showing.items():
            health = showing.output.health
            tasks.start(f"output {name}", showing.output.run, health)
            tasks.start(f"output {name}, showing", showing.run, health)
        for name, forwarding in self._forwarding.items():
            tasks.start(f"output {name}, rows", forwarding.run, forwarding.forwarder.health)

    def show(self, inspection: Inspection) -> None:
        """Show all live ones an inspection; returns at once."""
        for showing in self._showing.values():
            showing.show(inspection)

    def more(self) -> None:
        """Say that there are more rows; returns at once."""
        for forwarding in self._forwarding.values():
            forwarding.wake()

    async def alive(self, beat: int, state: Mapping[str, Any]) -> None:
        """Hand a heartbeat on."""
        await asyncio.gather(*(one.alive(beat, state) for one in self._showing.values()))

    def waiting(self, name: str) -> int:
        """What an output has not been shown or given yet."""
        both = (self._showing.get(name), self._forwarding.get(name))
        return sum(one.waiting for one in both if one is not None)

    async def shown(self) -> None:
        """Wait until all has been shown and given, for a while at most."""
        await asyncio.gather(
            *(one.shown(END_SECONDS) for one in self._showing.values()),
            *(one.caught_up(END_SECONDS) for one in self._forwarding.values()),
        )

    async def close(self) -> None:
        """Let forwarders let go, once they have been ended."""
        for forwarding in self._forwarding.values():
            with suppress(Exception):
                async with asyncio.timeout(END_SECONDS):
                    await forwarding.forwarder.close()
