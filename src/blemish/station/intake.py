"""Where frames come in: so many may wait, none is judged twice, and none is lost in silence.

A frame that finds the queue full waits outside where its source keeps it, is refused where somebody
waits for the answer, and is *not inspected* otherwise, which the record says.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from blemish.errors import UsageError
from blemish.names import harmless
from blemish.serving.waiting import BusyError
from blemish.station.assembler import Assembler, Part
from blemish.station.contracts import Frame
from blemish.station.inspection import View
from blemish.station.judges import Judges
from blemish.station.judging import failed, image_sha256, judge
from blemish.station.keys import row_known_by
from blemish.station.recipe import Recipe
from blemish.station.warm import name_of

if TYPE_CHECKING:
    from blemish.ledger.entry import Row
    from blemish.ledger.ledger import Ledger
    from blemish.serving.models import Models

LONGEST_NAME = 500  # characters of a part's id, a name or a key
FULL = "The queue is full: images come faster than they are judged."


class Intake:
    """Takes frames to be judged; belongs to one event loop.

    Args:
        ledger: where frames of before are known.
        models: by names.
        judges: that judge.
        assembler: that puts them together.
        most: frames that may wait or be judged.

    Attributes:
        waiting: frames that wait or are being judged.
        refused: that found no room.
    """

    def __init__(
        self,
        ledger: Ledger,
        models: Models,
        judges: Judges,
        assembler: Assembler,
        *,
        most: int,
    ) -> None:
        self._ledger, self._models, self._judges = ledger, models, judges
        self._assembler, self.most = assembler, most
        self.waiting = self.refused = 0
        self._here: dict[str, Part] = {}
        self._room = asyncio.Event()
        self._room.set()

    async def take(self, frame: Frame, recipe: Recipe, *, patient: bool = True) -> None:
        """Take a frame; comes back once it has its place.

        Args:
            frame: of a camera of the recipe.
            recipe: that holds.
            patient: whether nobody waits for the answer; somebody who does is refused at once.

        Raises:
            UsageError: its part's id, name or key is too long, or no text.
            BusyError: the queue is full, and somebody waits.
        """
        check_texts(part=frame.part, name=frame.name, key=frame.key)
        if await self._answered(frame):
            return
        if self.waiting >= self.most:
            self.refused += not frame.waits
            if not patient:
                raise BusyError(FULL)
        while frame.waits and self.waiting >= self.most:
            self._room.clear()
            await self._room.wait()
        if frame.key in self._here:
            self._here[frame.key].frames.append(frame)
        else:
            self._place(frame, recipe)

    def check_room(self) -> None:
        """Raise `BusyError` where somebody who waits for an answer would be refused."""
        if self.waiting >= self.most:
            self.refused += 1
            raise BusyError(FULL)

    async def known(self, frame: Frame) -> Row | None:
        """The row of a frame that is in the record already."""
        if frame.key is None:
            return None
        return await asyncio.to_thread(row_known_by, self._ledger, frame.key)

    def forget(self, part: Part) -> None:
        """Let go of a part whose row stands, or never will."""
        for frame in part.frames:
            if frame.key is not None:
                self._here.pop(frame.key, None)

    async def _answered(self, frame: Frame) -> bool:
        """Whether a frame is in the record already; whoever sent it again knows then, too."""
        row = await self.known(frame)
        if row is not None and frame.settled is not None:
            await frame.settled(row)
        return row is not None

    def _place(self, frame: Frame, recipe: Recipe) -> None:
        if self.waiting >= self.most:
            view = asyncio.get_running_loop().create_future()
            bare = replace(frame, content=None, pixels=None)
            view.set_result(failed(bare, FULL, image_sha256(frame)))
            frame = bare
        else:
            model = name_of(recipe.model_of(frame.camera))
            view = self._judges.judge(lambda: judge(frame, self._models, model))
            self.waiting += 1
            view.add_done_callback(self._judged)
        part = self._assembler.place(frame, recipe, view)
        if frame.key is not None:
            self._here[frame.key] = part

    def _judged(self, view: asyncio.Future[View]) -> None:
        self.waiting -= 1
        self._room.set()
        if not view.cancelled():
            view.exception()  # looked at, so that nobody warns of it


def check_texts(**texts: str | None) -> None:
    """Raise `UsageError` for what a row could not hold, or no person could tell from another."""
    for what, text in texts.items():
        if text is None:
            continue
        if len(text) > LONGEST_NAME:
            raise UsageError(f"'{what}' has {len(text):,} characters; at most {LONGEST_NAME}.")
        if text != harmless(text):
            raise UsageError(f"'{what}' must be a text without control characters: {text!r}.")
