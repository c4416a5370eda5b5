"""A camera that there is none of: surfaces drawn by code, some with a defect, to try a station."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from msgspec import Meta

from blemish.result import GOOD
from blemish.station.contracts import Frame, Health
from blemish.station.sources.triggers import Interval, Triggers
from blemish.station.tables import Table
from blemish.surfaces.drawing import LARGEST_PX, SMALLEST_PX, SURFACES, Drawing
from blemish.typed_json import Share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from blemish.station.contracts import Context

Category = Literal["tile", "leather", "grid"]


class DrawnSettings(Table, frozen=True):
    """What a drawn camera shows, and how often.

    Attributes:
        category: of surface.
        interval_seconds: from one image to the next; `None` for triggers alone.
        defects: share of images with a defect.
        size_px: height and width.
        seed: another seed, other images.
    """

    category: Category = "tile"
    interval_seconds: Interval | None = 1.0
    defects: Share = 0.1
    size_px: Annotated[int, Meta(ge=SMALLEST_PX, le=LARGEST_PX)] = 256
    seed: Annotated[int, Meta(ge=0)] = 0


class Drawn:
    """Draws one surface after the other; the same settings give the same ones.

    Args:
        name: of the camera.
        settings: what to draw.
        context: not needed.
    """

    Settings = DrawnSettings
    takes_triggers = True

    def __init__(self, name: str, settings: DrawnSettings, context: Context) -> None:
        del context
        self.name = name
        self.health = Health(ready=True, told=f"draws {settings.category}")
        self._settings = settings
        self._triggers = Triggers(settings.interval_seconds)

    async def trigger(self, part: str | None = None) -> None:
        """Draw one now. Raises `BusyError` where too many are still to be drawn."""
        self._triggers.tell(part)

    async def frames(self) -> AsyncIterator[Frame]:
        """One at every tick and trigger, named as `blemish surfaces` names it, with its number."""
        chance = np.random.default_rng(self._settings.seed)
        number = 0
        while True:
            trigger = await self._triggers.next()
            drawing = self._drawing(number, chance)
            pixels = await asyncio.to_thread(_draw, drawing)
            self.health.count("frames")
            yield Frame(
                self.name, datetime.now(UTC), pixels=pixels, name=drawing.id, part=trigger.part
            )
            number += 1

    def _drawing(self, number: int, chance: np.random.Generator) -> Drawing:
        """A good surface, or by chance one of the defects."""
        wanted = self._settings
        defect = str(chance.choice(SURFACES[wanted.category]))
        kind = defect if chance.random() < wanted.defects else GOOD
        return Drawing(wanted.category, "test", kind, number, wanted.seed, wanted.size_px)


def _draw(drawing: Drawing) -> NDArray[np.uint8]:
    return drawing.draw()[0]
