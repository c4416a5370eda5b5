"""Output `files`: images, maps and drawings on the disk, so many bytes at most.

Nothing here takes a verdict along: where the disk is full, pictures are not kept, and it says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from blemish.station.contracts import Context, Health
from blemish.station.inspection import Inspection, Outcome
from blemish.station.pictures import Picture, Pictures
from blemish.station.tables import Table

Bytes = Annotated[int, Meta(ge=1_000_000)]
LOOK_SECONDS = 3600.0  # after which what others took away is noticed


class FilesSettings(Table, frozen=True):
    """What is kept.

    Attributes:
        folder: of the pictures; by default `pictures` in the station's.
        of: which inspections: `all`, `rejects` (whatever is not good), or
        one_in: of good ones, one in so many besides the rejects.
        keep: which pictures.
        most_bytes: of all of them; beyond that the oldest go.
    """

    folder: Path | None = None
    of: Literal["all", "rejects"] = "rejects"
    one_in: Annotated[int, Meta(ge=1)] | None = None
    keep: frozenset[Literal["image", "map", "overlay"]] = frozenset({"image", "overlay"})
    most_bytes: Bytes = 10_000_000_000


class Files:
    """Keeps pictures of inspections.

    Args:
        name: of the output.
        settings: what is kept.
        context: of the station.

    Attributes:
        pictures: what is kept.
    """

    Settings = FilesSettings

    def __init__(self, name: str, settings: FilesSettings, context: Context) -> None:
        self.name, self.health = name, Health()
        self._settings = settings
        self._kinds = frozenset(map(Picture, settings.keep))
        self.pictures = Pictures(settings.folder or context.pictures)
        self._bytes = self._good = 0

    async def run(self) -> None:
        """Look now and then how much there is, since others may take some away."""
        while True:
            self._bytes = await asyncio.to_thread(self.pictures.used_bytes)
            await asyncio.to_thread(self._make_room)
            self.health.ready, self.health.told = True, "keeps pictures"
            await asyncio.sleep(LOOK_SECONDS)

    async def show(self, inspection: Inspection) -> None:
        """Keep the pictures of an inspection, if they are wanted."""
        if not inspection.views or not self._wanted(inspection.outcome):
            return
        try:
            self._bytes += await asyncio.to_thread(self.pictures.keep, inspection, self._kinds)
        except OSError as error:
            self.health.ready = False
            self.health.told = f"Pictures are not kept: {error.strerror or error}."
            self.health.count("lost")
            return
        self.health.ready, self.health.told = True, "keeps pictures"
        self.health.count("kept")
        if self._bytes > self._settings.most_bytes:
            await asyncio.to_thread(self._make_room)

    async def alive(self, beat: int, state: Mapping[str, Any]) -> None:
        """Nobody acts on pictures."""

    def _wanted(self, outcome: Outcome) -> bool:
        if outcome != Outcome.GOOD or self._settings.of == "all":
            return True
        self._good += 1
        return self._settings.one_in is not None and self._good % self._settings.one_in == 0

    def _make_room(self) -> None:
        for folder in self.pictures.oldest():
            if self._bytes <= self._settings.most_bytes:
                break
            self._bytes -= self.pictures.remove(folder)
            self.health.count("removed")
