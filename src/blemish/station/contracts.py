"""What sources and outputs are to the station; each kind keeps to one of these.

Everything here runs in the station's one event loop. What blocks goes to a thread of its own
(`asyncio.to_thread`). A task that ends with an error is told of, counted, and started again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from fastapi import APIRouter
    from numpy.typing import NDArray
    from typing_extensions import TypeIs

    from blemish.ledger.entry import Row
    from blemish.ledger.ledger import Ledger
    from blemish.station.inspection import Inspection


@dataclass(frozen=True, eq=False)
class Frame:
    """An image that is to be judged.

    Attributes:
        camera: name of the source.
        time: when it came; aware, UTC.
        taken: when the image was made, where its source knows that: of a file, its time of change.
        content: the file as it came; or `None`, and
        pixels: H x W x 3, uint8 or uint16.
        name: what the source calls it.
        error: why there is neither; its part is *not inspected*.
        part: the id of the part, if it came with one.
        key: what tells it from all others of the station, also after a restart; the same key is
            never judged twice.
        settled: awaited once its part's inspection is in the record, durably, with its row.
        refused: awaited, with the reason, where it will not come to that: the disk of the record is
            full, or the station ends. Nothing is known of the part; offer it again later.
        waits: it is kept where it came from, so it may wait for room in the queue; of others, what
            finds no room is *not inspected*.
    """

    camera: str
    time: datetime
    taken: datetime | None = None
    content: bytes | None = None
    pixels: NDArray[np.generic] | None = None
    name: str | None = None
    error: str | None = None
    part: str | None = None
    key: str | None = None
    settled: Callable[[Row], Awaitable[None]] | None = None
    refused: Callable[[str], Awaitable[None]] | None = None
    waits: bool = False


@dataclass
class Health:
    """How a source or an output is.

    Attributes:
        ready: whether it works.
        told: in a sentence, what is wrong or what it does.
        counts: frames, lost, reconnects, delivered, waiting, ...
    """

    ready: bool = False
    told: str = "starting"
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, by: int = 1) -> None:
        """One more of something."""
        self.counts[name] = self.counts.get(name, 0) + by


class Control(Protocol):
    """What sources and outputs may ask of their station."""

    async def submit(self, frame: Frame) -> Row:
        """Have a frame judged; comes back once that is in the record.

        Raises:
            BusyError: the queue is full.
            BlemishError: it cannot be judged by this recipe, or not be recorded.
        """
        ...

    async def trigger(self, camera: str, *, who: str, part: str | None = None) -> None:
        """Have a camera take an image. Raises `UsageError` where it knows no trigger."""
        ...

    async def switch(self, recipe: str, *, who: str) -> None:
        """Go on by another recipe. Raises `UsageError` where there is none of that name."""
        ...

    async def switch_for(self, part: str, *, who: str) -> None:
        """Go on by the recipe that a part asks for, by its id or number. Raises `UsageError`."""
        ...

    def status(self) -> dict[str, Any]:
        """How the station is, as plain JSON values."""
        ...


@dataclass(frozen=True)
class Context:
    """What a source or an output is given besides its settings.

    Attributes:
        folder: of its own, for what it keeps; not there until it makes it.
        base: of the site file; a setting of type `Path` is taken from there already.
        ledger: the record, to look something up.
        station: what may be asked of it.
        say: told of what a person must know, a sentence each.
        routers: routes that it adds to the station's HTTP interface, when it is made.
        pictures: folder of pictures, where a setting names no other.
    """

    folder: Path
    base: Path
    ledger: Ledger
    station: Control
    say: Callable[[str], None]
    routers: list[APIRouter] = field(default_factory=list)
    pictures: Path = Path("pictures")


class Source(Protocol):
    """Gives frames.

    Attributes:
        name: of the camera, as the site file has it.
        health: how it is.
    """

    name: str
    health: Health

    @property
    def takes_triggers(self) -> bool:
        """Whether somebody may say when it takes an image."""
        ...

    def frames(self) -> AsyncIterator[Frame]:
        """Frames as they come; ends only with the station, reconnects by itself."""
        ...

    async def trigger(self, part: str | None = None) -> None:
        """Take a frame now. Raises `UsageError` where the source knows no trigger."""
        ...


class Output(Protocol):
    """Is shown each inspection at once: a machine that acts on the newest.

    While `alive` is not called any more, the machine must take that for a stop: a heartbeat is sent
    by the station only while its inspector works.
    """

    name: str
    health: Health

    async def run(self) -> None:
        """Keep connections up until cancelled."""
        ...

    async def show(self, inspection: Inspection) -> None:
        """Hand it on; not waited for longer than a moment."""
        ...

    async def alive(self, beat: int, state: Mapping[str, Any]) -> None:
        """The heartbeat, counted from 1, once a second while parts can be judged."""
        ...


class Forwarder(Protocol):
    """Is given every row, in order, at least once: it may be away for hours.

    The station reads the rows from the ledger and marks there how far it came.
    """

    name: str
    health: Health

    async def deliver(self, rows: list[Row]) -> None:
        """Hand on rows that follow each other; an error means that none counts as delivered."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def is_live(output: Output | Forwarder) -> TypeIs[Output]:
    """Whether an output is shown inspections at once."""
    return hasattr(output, "show")


def is_forwarder(output: Output | Forwarder) -> TypeIs[Forwarder]:
    """Whether an output is given rows; one may be both."""
    return hasattr(output, "deliver")


@dataclass(frozen=True)
class Notice:
    """What the page is told while it is open.

    Attributes:
        kind: `inspection`, `state`.
        time: when; aware, UTC.
        values: plain JSON values.
    """

    kind: str
    time: datetime
    values: Mapping[str, Any]
