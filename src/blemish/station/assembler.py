"""Images of several cameras, put together to parts.

By the part's id, where frames have one: then cameras may stand anywhere along the line. Without,
cameras look at the same part at about the same time, and one part is open at a time: an image of a
camera that the open part has already begins the next one, and a part whose other cameras have not
come in `wait_seconds` goes on without them. Either way it is then *not inspected*.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from blemish.station.contracts import Frame
from blemish.station.inspection import View
from blemish.station.recipe import Recipe

ID_DIGITS = 32


@dataclass(eq=False)
class Part:
    """A part of which images come.

    Attributes:
        id: of its inspection.
        part: its own, if it came with one.
        recipe: by which it is inspected.
        time: of its first image.
        frames: in the order in which they came.
        views: what comes of each, by its camera.
        last: when the last image came, by the clock of the loop.
    """

    id: str
    part: str | None
    recipe: Recipe
    time: datetime
    frames: list[Frame] = field(default_factory=list)
    views: dict[str, asyncio.Future[View]] = field(default_factory=dict)
    last: float = 0.0
    timer: asyncio.TimerHandle | None = None

    @property
    def judged(self) -> bool:
        """Whether nothing of it is being judged any more."""
        return all(view.done() for view in self.views.values())


class Assembler:
    """Puts frames together; belongs to one event loop.

    Args:
        complete: given each part once no more images of it are waited for, in that order.
    """

    def __init__(self, complete: Callable[[Part], None]) -> None:
        self._complete = complete
        self._open: list[Part] = []
        self._loop = asyncio.get_running_loop()

    def place(self, frame: Frame, recipe: Recipe, view: asyncio.Future[View]) -> Part:
        """Take an image to the part that it is of, which may be a new one.

        Args:
            frame: of a camera of the recipe.
            recipe: that holds now; a part that is open stays with its own.
            view: what comes of it.
        """
        part = self._part_of(frame, recipe) or self._new(frame, recipe)
        part.frames.append(frame)
        part.views[frame.camera] = view
        part.part = part.part or frame.part
        part.last = self._loop.time()
        if part.views.keys() >= set(part.recipe.cameras):
            self._close(part)
        return part

    def close_all(self) -> None:
        """Wait for no more images."""
        for part in list(self._open):
            self._close(part)

    def _part_of(self, frame: Frame, recipe: Recipe) -> Part | None:
        for part in list(self._open):
            same = frame.part == part.part or frame.part is None or part.part is None
            if not same:
                continue
            if part.recipe.name == recipe.name and frame.camera not in part.views:
                return part
            if frame.camera in part.views:  # its next part is here, so no more of this one comes
                self._close(part)
        return None

    def _new(self, frame: Frame, recipe: Recipe) -> Part:
        part = Part(new_id(frame.time), frame.part, recipe, frame.time)
        self._open.append(part)
        part.timer = self._loop.call_later(recipe.wait_seconds, self._close, part)
        return part

    def _close(self, part: Part) -> None:
        if part in self._open:
            self._open.remove(part)
            if part.timer is not None:
                part.timer.cancel()
            self._complete(part)


def new_id(time: datetime) -> str:
    """An id of an inspection: 32 hexadecimal digits, the first twelve its milliseconds."""
    milliseconds = int(time.timestamp() * 1000)
    return f"{milliseconds:012x}{secrets.token_hex((ID_DIGITS - 12) // 2)}"
