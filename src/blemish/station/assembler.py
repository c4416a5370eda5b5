"""Images of several cameras, put together to parts.

By the part's id, where frames have one: then cameras may stand anywhere along the line. Without,
images belong together that were taken within `wait_seconds` of each other; the order in which they
come says nothing, since a backlog comes in any. A part whose other cameras do not come is *not
inspected*, and so is one of which it cannot be told which images are its own: where a camera has
two within that time, say.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from blemish.station.contracts import Frame
from blemish.station.inspection import View
from blemish.station.recipe import Recipe

ID_DIGITS = 32
MOST_OVER = 256  # parts that are over of which the times are known, so that late images are told
UNSURE = (
    "Which images belong together is not sure: within {1:g} s (wait_seconds) of one of '{0}' "
    "came more than one part has."
)
ENDED = "The station ended before it was sure that no other image of this part would come."


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
        doubt: why it is not sure that all of them are its own.
    """

    id: str
    part: str | None
    recipe: Recipe
    time: datetime
    frames: list[Frame] = field(default_factory=list)
    views: dict[str, asyncio.Future[View]] = field(default_factory=dict)
    last: float = 0.0
    timer: asyncio.TimerHandle | None = None
    doubt: str | None = None

    @property
    def judged(self) -> bool:
        """Whether nothing of it is being judged any more."""
        return all(view.done() for view in self.views.values())

    @property
    def complete(self) -> bool:
        """Whether all cameras gave an image."""
        return self.views.keys() >= set(self.recipe.cameras)

    @property
    def by_ids(self) -> bool:
        """Whether nothing but ids put it together."""
        return len(self.recipe.cameras) == 1 or all(frame.part for frame in self.frames)

    @property
    def held(self) -> bool:
        """Whether other images may still come that were taken at its time: of a backlog, say."""
        return not self.by_ids and any(frame.taken is not None for frame in self.frames)

    @property
    def span(self) -> Span:
        """When its images were taken."""
        times = [_taken(frame) for frame in self.frames]
        return Span(self.part, min(times), max(times))


class Span(NamedTuple):
    """When the images of a part were taken, and its id."""

    part: str | None
    first: datetime
    last: datetime

    def near(self, frame: Frame, wait: timedelta) -> bool:
        """Whether an image may be of this part, as far as time and id tell."""
        other = None not in (frame.part, self.part)
        return not other and self.first - wait <= _taken(frame) <= self.last + wait

    def fits(self, frame: Frame, wait: timedelta) -> bool:
        """Whether it was taken within so long of each of them."""
        return self.last - wait <= _taken(frame) <= self.first + wait


class Assembler:
    """Puts frames together; belongs to one event loop.

    Args:
        complete: given each part once no more images of it are waited for, in that order.
    """

    def __init__(self, complete: Callable[[Part], None]) -> None:
        self._complete = complete
        self._open: list[Part] = []
        self._over: deque[Span] = deque(maxlen=MOST_OVER)
        self._loop = asyncio.get_running_loop()

    def place(self, frame: Frame, recipe: Recipe, view: asyncio.Future[View]) -> Part:
        """Take an image to the part that it is of, which may be a new one.

        Args:
            frame: of a camera of the recipe.
            recipe: that holds now; a part that is open stays with its own.
            view: what comes of it.
        """
        part = self._part_of(frame, recipe)
        part.frames.append(frame)
        part.views[frame.camera] = view
        part.part = part.part or frame.part
        part.last = self._loop.time()
        if part.held:
            self._wait(part)
        elif part.complete:
            self._close(part)
        return part

    def close_all(self) -> None:
        """Wait for no more images."""
        for part in list(self._open):
            if part.held:
                part.doubt = part.doubt or ENDED
            self._close(part)

    def _part_of(self, frame: Frame, recipe: Recipe) -> Part:
        for part in list(self._open):
            if frame.part is None or part.part != frame.part:
                continue
            if part.recipe.name == recipe.name and frame.camera not in part.views:
                return part
            if frame.camera in part.views:  # its next image is here, so no more of these comes
                self._close(part)
        alone = len(recipe.cameras) == 1
        return self._new(frame, recipe) if alone else self._part_by_time(frame, recipe)

    def _part_by_time(self, frame: Frame, recipe: Recipe) -> Part:
        """The only part that an image can be of; else a new one, and doubt where there are more."""
        wait = timedelta(seconds=recipe.wait_seconds)
        near = [part for part in self._open if part.span.near(frame, wait)]
        late = any(span.near(frame, wait) for span in self._over)
        if len(near) == 1 and not late and _takes(near[0], frame, recipe, wait):
            return near[0]
        new = self._new(frame, recipe)
        if near or late:
            for part in (new, *near):
                part.doubt = UNSURE.format(frame.camera, recipe.wait_seconds)
        return new

    def _new(self, frame: Frame, recipe: Recipe) -> Part:
        part = Part(new_id(frame.time), frame.part, recipe, frame.time)
        self._open.append(part)
        self._wait(part)
        return part

    def _wait(self, part: Part) -> None:
        """Wait for other images from now on."""
        if part.timer is not None:
            part.timer.cancel()
        part.timer = self._loop.call_later(part.recipe.wait_seconds, self._close, part)

    def _close(self, part: Part) -> None:
        if part in self._open:
            self._open.remove(part)
            if part.timer is not None:
                part.timer.cancel()
            if len(part.recipe.cameras) > 1 and not (part.complete and part.by_ids):
                self._over.append(part.span)
            self._complete(part)


def _takes(part: Part, frame: Frame, recipe: Recipe, wait: timedelta) -> bool:
    return (
        part.recipe.name == recipe.name
        and frame.camera not in part.views
        and part.span.fits(frame, wait)
    )


def _taken(frame: Frame) -> datetime:
    return frame.taken or frame.time


def new_id(time: datetime) -> str:
    """An id of an inspection: 32 hexadecimal digits, the first twelve its milliseconds."""
    milliseconds = int(time.timestamp() * 1000)
    return f"{milliseconds:012x}{secrets.token_hex((ID_DIGITS - 12) // 2)}"
