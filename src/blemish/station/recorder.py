"""From judged parts to rows: in the order in which parts came, durable before anybody is told.

Parts are judged side by side and recorded one after the other; those that are ready together are
one transaction. Where the record cannot be written, nothing of these parts is known: their frames
are refused, machines are shown *not inspected*, and no part counts until an entry goes through.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from blemish.errors import BlemishError, UsageError
from blemish.ledger.entry import Entry, Kind, Row
from blemish.ledger.query import Query
from blemish.names import all_shown, harmless
from blemish.station.assembler import Part
from blemish.station.contracts import Frame
from blemish.station.inspection import Inspection, Outcome, View, deciding, outcome_of
from blemish.station.judging import failed, image_sha256
from blemish.station.keys import PART_KEY

if TYPE_CHECKING:
    from blemish.ledger.ledger import Ledger
    from blemish.station.drift import Drift
    from blemish.station.recipe import Recipe

MOST_AT_ONCE = 64
PROBE_SECONDS = 2.0
AGAIN = timedelta(minutes=10)  # after which a part that was not good may be inspected anew


class _Written(NamedTuple):
    """A part, what is said of it, and its row; without one where it could not be recorded."""

    part: Part
    inspection: Inspection
    row: Row | None


@dataclass(eq=False)
class Recorder:
    """Records parts as they are judged; belongs to one event loop.

    Attributes:
        ledger: the record.
        drift: watches the line.
        over: called with each part, what is said of it, and its row; `None` where it could not be
            recorded.
        say: told of what a person must know.
        problem: why the record cannot be written; `None` while it can.
        lost: inspections that could not be recorded since then.
    """

    ledger: Ledger
    drift: Drift
    over: Callable[[Part, Inspection, Row | None], None]
    say: Callable[[str], None]
    problem: str | None = None
    lost: int = 0

    def __post_init__(self) -> None:
        self._parts: deque[Part] = deque()
        self._more, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._answers: set[asyncio.Task[None]] = set()
        self._writing = Lock()  # of parts, whose marks follow from monitors that stay so long

    def put(self, part: Part) -> None:
        """Take a part of which no more images come."""
        self._parts.append(part)
        self._idle.clear()
        self._more.set()

    async def run(self) -> None:
        """Record until cancelled."""
        while True:
            await self._more.wait()
            while self._parts:
                await self._record(await self._ready())
            self._more.clear()
            self._idle.set()

    async def drained(self) -> None:
        """Wait until all that came is in the record, and whoever sent it knows."""
        await self._idle.wait()
        if self._answers:
            await asyncio.wait(self._answers)

    async def give_up(self, why: str) -> None:
        """Let whoever sent what is not recorded know that it will not be."""
        while self._parts:
            part = self._parts.popleft()
            answers = [f.refused(why) for f in part.frames if f.refused is not None]
            await asyncio.gather(*answers, return_exceptions=True)

    async def probe(self) -> None:
        """While the record cannot be written, try again and again; until cancelled."""
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            if self.problem is None:
                continue
            body = {"event": "recorded again", "problem": self.problem, "lost": self.lost}
            try:
                await self.append([Entry(Kind.EVENT, datetime.now(UTC), body)])
            except BlemishError:
                continue
            self.lost = 0

    async def append(
        self, entries: Sequence[Entry], *, marks: Mapping[str, str] | None = None
    ) -> list[Row]:
        """Append entries, durably. Raises `BlemishError` where that cannot be."""
        return await asyncio.to_thread(self._append, entries, marks or {})

    async def watch_anew(self, recipe: Recipe, entry: Entry) -> Row:
        """Have the monitors of a recipe begin anew, by an entry that says who wants it.

        Raises:
            BlemishError: it cannot be recorded; then they go on.
        """

        def write() -> Row:
            with self._writing:
                row = self._append([entry], self.drift.marks_of_none(recipe))[0]
                self.drift.forget(recipe)
                return row

        return await asyncio.to_thread(write)

    def _append(self, entries: Sequence[Entry], marks: Mapping[str, str]) -> list[Row]:
        try:
            rows = self.ledger.append(entries, marks=marks)
        except UsageError:  # of an entry, not of the record
            raise
        except BlemishError as error:
            self.problem = str(error)
            raise
        self.problem = None
        return rows

    async def _ready(self) -> list[Part]:
        """The next part, once it is judged, and those after it that are judged already."""
        await asyncio.wait(self._parts[0].views.values())
        parts: list[Part] = []
        while self._parts and self._parts[0].judged and len(parts) < MOST_AT_ONCE:
            parts.append(self._parts.popleft())
        return parts

    async def _record(self, parts: Sequence[Part]) -> None:
        now = asyncio.get_running_loop().time()
        for part, inspection, row in await asyncio.to_thread(self._write_locked, parts, now):
            self._answer(part, row)
            self.lost += row is None
            self.over(part, inspection, row)

    def _write_locked(self, parts: Sequence[Part], now: float) -> list[_Written]:
        with self._writing:
            return self._write(parts, now)

    def _write(self, parts: Sequence[Part], now: float) -> list[_Written]:
        """Record parts, all of them or none; in a thread. What cannot be kept takes none along."""
        marks = self._marks()
        entries: list[Entry] = []
        places, inspections = [], []
        bad: dict[str, str] = {}  # ids of parts that were not good, just now
        for part in parts:
            inspection, refers_to, events = self._inspect(part, now, bad)
            if part.part is not None and inspection.outcome != Outcome.GOOD:
                bad[part.part] = str(inspection.outcome)
            places.append(len(entries))
            inspections.append(inspection)
            entry = _entry(inspection, part, refers_to)
            entries += [entry, *_entries_of_others(part), *events]
        written = list(zip(parts, inspections, strict=True))
        try:
            rows = self._append(entries, marks)
        except UsageError:
            return [self._write_alone(part, inspection) for part, inspection in written]
        except BlemishError:
            return [_Written(part, inspection, None) for part, inspection in written]
        return [_Written(p, one, rows[at]) for (p, one), at in zip(written, places, strict=True)]

    def _write_alone(self, part: Part, inspection: Inspection) -> _Written:
        """Record one part; where its entry cannot be kept, that it is *not inspected*."""
        try:
            entries = [_entry(inspection, part), *_entries_of_others(part)]
            return _Written(part, inspection, self._append(entries, {})[0])
        except UsageError as error:
            why = f"What is known of it cannot be kept: {error}"
            inspection = replace(inspection, outcome=Outcome.NOT_INSPECTED, views=(), why=why)
            try:
                return _Written(part, inspection, self._append([_bare(inspection, part)], {})[0])
            except BlemishError as other:
                self.say(f"Of a part nothing is recorded: {other}")
        except BlemishError:
            pass
        return _Written(part, inspection, None)

    def _was_bad(self, part: Part, bad: Mapping[str, str]) -> tuple[int | None, str | None]:
        """The row that said lately that a part is not good, and why it cannot be good now."""
        if part.part is None:
            return None, None
        told = f"Part '{part.part}' was '{{}}' less than {AGAIN.seconds // 60} minutes ago."
        if part.part in bad:
            return None, told.format(bad[part.part])
        query = Query(
            kinds={Kind.INSPECTION},
            verdicts={str(one) for one in Outcome if one != Outcome.GOOD},
            part=part.part,
            since=part.time - AGAIN,
        )
        try:
            rows = self.ledger.rows(query, most=1)
        except (UsageError, UnicodeError):  # an id that the record cannot hold
            return None, None
        except BlemishError as error:
            return None, f"Whether it was inspected before is not known: {error}"
        return (rows[0].number, told.format(rows[0].entry.verdict)) if rows else (None, None)

    def _marks(self) -> dict[str, str]:
        try:
            return self.drift.marks()
        except BlemishError as error:  # the append will say so, too
            self.say(f"The state of the drift monitors is not written: {error}")
            return {}

    def _look(
        self, part: Part, views: tuple[View, ...]
    ) -> tuple[dict[str, Any] | None, list[Entry]]:
        """What the monitors say; whatever goes wrong with them takes no verdict along."""
        try:
            return self.drift.look(part.recipe, views)
        except Exception as error:
            self.say(f"Drift is not watched: {error}")
            return {"error": str(error)}, []

    def _inspect(
        self, part: Part, now: float, bad: Mapping[str, str]
    ) -> tuple[Inspection, int | None, list[Entry]]:
        """What is said of a part, the row that it is about, too, and events that follow."""
        frames = {frame.camera: frame for frame in part.frames}
        cameras = part.recipe.cameras
        views = tuple(
            _view_of(frames[camera], part.views[camera]) for camera in cameras if camera in frames
        )
        monitor, events = self._look(part, views)
        refers_to, was_bad = self._was_bad(part, bad)
        doubt = part.doubt or was_bad
        inspection = Inspection(
            id=part.id,
            time=part.time,
            part=part.part,
            recipe=part.recipe.name,
            outcome=outcome_of(views, cameras, doubt=doubt),
            views=views,
            missing=tuple(camera for camera in cameras if camera not in part.views),
            seconds=max(0.0, now - part.last),
            monitor=monitor,
            why=doubt,
        )
        return inspection, refers_to, events

    def _answer(self, part: Part, row: Row | None) -> None:
        """Let whoever sent the images know; nobody waits for them."""
        for frame in part.frames:
            if row is not None and frame.settled is not None:
                answer = frame.settled(row)
            elif row is None and frame.refused is not None:
                answer = frame.refused(self.problem or "It could not be recorded.")
            else:
                continue
            task = asyncio.create_task(_awaited(answer))
            self._answers.add(task)
            task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answers.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.say(f"An image is in the record, but its source does not know: {error}")


async def _awaited(answer: Awaitable[None]) -> None:
    await answer


def _view_of(frame: Frame, view: asyncio.Future[View]) -> View:
    """What came of a frame; of one whose judgement failed, why."""
    error = view.exception()
    if error is None:
        return view.result()
    told = str(error) if isinstance(error, BlemishError) else f"{type(error).__name__}: {error}"
    return failed(frame, told, image_sha256(frame))


def _entry(inspection: Inspection, part: Part, refers_to: int | None = None) -> Entry:
    """The entry of a part; hashes, score and threshold are those of the view that decides."""
    view = deciding(inspection.views)
    return Entry(
        kind=Kind.INSPECTION,
        time=inspection.time,
        body=all_shown(inspection.to_dict()),
        key=_keys(part)[0] if _keys(part) else None,
        part=inspection.part,
        recipe=inspection.recipe,
        model_sha256=None if view is None else view.model_sha256,
        image_sha256=None if view is None else view.image_sha256,
        verdict=str(inspection.outcome),
        score=None if view is None or view.prediction is None else view.prediction.score,
        threshold=None if view is None else view.threshold,
        refers_to=refers_to,
    )


def _bare(inspection: Inspection, part: Part) -> Entry:
    """What of an entry can be kept in any case."""
    known = None if inspection.part is None else harmless(inspection.part)
    inspection = replace(inspection, part=known, monitor=None, why=harmless(inspection.why or ""))
    keys = [key for key in _keys(part) if key == harmless(key)]
    entry = _entry(inspection, part)
    return replace(entry, key=keys[0] if keys else None)


def _entries_of_others(part: Part) -> list[Entry]:
    """Events by which the other images of a part are known, too, once they have keys."""
    first, *others = _keys(part) or [""]
    return [
        Entry(Kind.EVENT, part.time, {"event": "image", PART_KEY: first}, key=key) for key in others
    ]


def _keys(part: Part) -> list[str]:
    return list(dict.fromkeys(frame.key for frame in part.frames if frame.key is not None))
