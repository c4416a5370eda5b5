"""Source `folder`: images that come as files, each judged once, and then kept, moved or deleted.

A file is known by its name, size and time of change. What was judged is in the record under that
key before the file is touched; so whenever the station is ended, even in between, the next start
finds what was judged and only puts it away.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from blemish.errors import UsageError
from blemish.files import make_folder, temporary_beside
from blemish.names import harmless
from blemish.station.contracts import Context, Frame, Health
from blemish.station.inspection import Outcome
from blemish.station.keys import row_known_by
from blemish.station.sources.arrivals import Arrival, Arrivals, Identity, Ready
from blemish.station.tables import Table

if TYPE_CHECKING:
    from blemish.ledger.entry import Row

Seconds = Annotated[float, Meta(ge=0, le=3600)]
PLACES = {Outcome.GOOD: "good", Outcome.NOT_INSPECTED: "not-inspected"}  # all others are bad
LONGEST = 200  # characters of a name or id
AGAIN_SECONDS = 5.0  # after which a file that was refused, or could not be put away, is tried again


class FolderSettings(Table, frozen=True):
    """Where files come to, and what becomes of them.

    Attributes:
        folder: made where there is none.
        ready: when a file is whole: `stable`, once it does not change; `done`, once a file of its
            name and `.done` is there; `renamed`, at once, where files are moved here whole.
        settle_seconds: that a file must not change.
        whole_seconds: after which a file whose end is missing is *not inspected*.
        poll_seconds: between two looks.
        subfolders: whether to look into them.
        after: what becomes of a file that was judged.
        move_to: where to; by default `judged` in the folder. In there: `good`, `bad`,
            `not-inspected`.
        part: how a file's name tells the id of its part, as a regular expression with one group.
    """

    folder: Path
    ready: Ready = "stable"
    settle_seconds: Seconds = 1.0
    whole_seconds: Seconds = 30.0
    poll_seconds: Annotated[float, Meta(gt=0, le=3600)] = 0.5
    subfolders: bool = False
    after: Literal["keep", "move", "delete"] = "move"
    move_to: Path | None = None
    part: str | None = None

    def __post_init__(self) -> None:
        if self.part is not None:
            try:
                groups = re.compile(self.part).groups
            except re.error as error:
                raise ValueError(f"'part' is no regular expression: {error}") from error
            if groups != 1:
                raise ValueError("'part' must have one group, as in \"(\\\\d+)_\"")


class Folder:
    """Gives the files of a folder as frames.

    Args:
        name: of the camera.
        settings: where they come to.
        context: of the station.
    """

    Settings = FolderSettings
    takes_triggers = False

    def __init__(self, name: str, settings: FolderSettings, context: Context) -> None:
        self.name, self.health = name, Health()
        self._settings, self._ledger, self._say = settings, context.ledger, context.say
        self._place = settings.move_to or settings.folder / "judged"
        self._arrivals = Arrivals(
            settings.folder,
            ready=settings.ready,
            settle_seconds=settings.settle_seconds,
            whole_seconds=settings.whole_seconds,
            subfolders=settings.subfolders,
            apart=self._place,
        )
        self._part = None if settings.part is None else re.compile(settings.part)
        self._busy: dict[Path, Identity] = {}  # at work, or put away
        self._again: dict[Path, float] = {}  # when to look at a file again

    async def trigger(self, part: str | None = None) -> None:
        """Files come by themselves. Raises `UsageError`."""
        del part
        raise UsageError(f"Camera '{self.name}' is a folder, which takes no trigger.")

    async def frames(self) -> AsyncIterator[Frame]:
        """Files as they come whole; those that are in the record already are put away."""
        while True:
            for path, identity in await self._look():
                if self._busy.get(path) == identity or self._is_later(path):
                    continue
                key = self._key(path, identity)
                row = await asyncio.to_thread(row_known_by, self._ledger, key)
                if row is not None:
                    self._busy[path] = identity
                    await self._put_away(path, identity, row)
                    continue
                arrival = await asyncio.to_thread(self._arrivals.read, path, identity)
                if arrival is not None:
                    self._busy[path] = identity
                    self.health.count("frames")
                    yield self._frame(arrival, key)
            await asyncio.sleep(self._settings.poll_seconds)

    async def _look(self) -> list[tuple[Path, Identity]]:
        try:
            if not self._settings.folder.is_dir():
                make_folder(self._settings.folder)
            found = await asyncio.to_thread(self._arrivals.look)
        except Exception as error:
            self.health.ready, self.health.told = False, f"The folder cannot be looked at: {error}"
            return []
        self.health.ready, self.health.told = True, f"watches {self._settings.folder}"
        self.health.counts["waiting"] = len(found)
        there = {path for path, _ in found}
        for path in self._busy.keys() - there:
            del self._busy[path]
        return found

    def _frame(self, arrival: Arrival, key: str) -> Frame:
        path, identity = arrival.path, arrival.identity

        async def settled(row: Row) -> None:
            await self._put_away(path, identity, row)

        async def refused(why: str) -> None:
            del why
            self._later(path)

        name = self._called(path)
        part = None if self._part is None else self._part.search(path.name)
        return Frame(
            self.name,
            datetime.now(UTC),
            taken=_time_of(identity),
            content=arrival.content,
            error=arrival.error,
            name=name,
            part=None if part is None or not part[1] else _spelled(part[1]),
            key=key,
            settled=settled,
            refused=refused,
            waits=True,
        )

    def _key(self, path: Path, identity: Identity) -> str:
        return f"{self.name}/{self._called(path)}@{identity.mtime_ns}+{identity.size}"

    def _called(self, path: Path) -> str:
        """A file's name below the folder."""
        return _spelled(path.relative_to(self._settings.folder).as_posix())

    async def _put_away(self, path: Path, identity: Identity, row: Row) -> None:
        """Do with a file what is to be done; one that changed meanwhile is another image."""
        if self._settings.after == "keep":
            return
        try:
            await asyncio.to_thread(self._move, path, identity, row)
        except OSError as error:
            self.health.count("not put away")
            self.health.told = f"'{path}' cannot be put away: {error.strerror or error}"
            self._later(path)

    def _move(self, path: Path, identity: Identity, row: Row) -> None:
        try:
            if Identity.of(path.stat()) != identity:
                return
        except FileNotFoundError:
            return
        outcome = Outcome(row.entry.verdict or Outcome.NOT_INSPECTED)
        done = self._arrivals.done_file(path)
        if self._settings.after == "delete" and outcome != Outcome.NOT_INSPECTED:
            path.unlink()
        else:
            target = self._place / PLACES.get(outcome, "bad") / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                target = target.with_stem(f"{target.stem}-{row.number}")
            _move_whole(path, target)
        if done is not None:
            done.unlink(missing_ok=True)

    def _later(self, path: Path) -> None:
        """Look at a file again after a while."""
        self._busy.pop(path, None)
        self._again[path] = asyncio.get_running_loop().time() + AGAIN_SECONDS

    def _is_later(self, path: Path) -> bool:
        when = self._again.get(path)
        if when is not None and when <= asyncio.get_running_loop().time():
            del self._again[path]
            return False
        return when is not None


def _spelled(text: str) -> str:
    """Text of a file's name as any record can hold it; what is too long by its begin and a hash."""
    text = harmless(text)
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}...{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _time_of(identity: Identity) -> datetime:
    """When a file was written; now, where its time is none that there can be."""
    try:
        return datetime.fromtimestamp(identity.mtime_ns / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.now(UTC)


def _move_whole(path: Path, target: Path) -> None:
    """Move a file, also to another disk: it is there as a whole, or not at all."""
    try:
        path.rename(target)
    except OSError:
        temporary = temporary_beside(target)
        try:
            shutil.copy2(path, temporary)
            os.replace(temporary, target)  # noqa: PTH105
        finally:
            temporary.unlink(missing_ok=True)
        path.unlink()
