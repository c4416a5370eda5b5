"""The station: sources, the line from frames to rows, outputs, and what people may ask of it.

Each source and output is a task of its own; one that fails is begun again and takes no other along.
A heartbeat goes to the outputs once a second while parts can be judged and recorded. When it stops,
and at the start and the end, they are shown *not inspected*.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal

from blemish.errors import BlemishError, UsageError
from blemish.files import make_folder
from blemish.ledger.entry import Entry, Kind, Row
from blemish.ledger.ledger import Ledger
from blemish.serving.models import Models
from blemish.station.assembler import Assembler, Part, new_id
from blemish.station.cameras import Cameras
from blemish.station.contracts import Context, Forwarder, Frame, Health, Notice, Output
from blemish.station.counters import ShiftCounters
from blemish.station.drift import Drift
from blemish.station.heartbeat import Heartbeat
from blemish.station.in_force import MARK, InForce
from blemish.station.inspection import Inspection, Outcome
from blemish.station.intake import Intake, check_texts
from blemish.station.judges import Judges
from blemish.station.machines import Machines
from blemish.station.notices import Notices
from blemish.station.outputs.files import Files
from blemish.station.pictures import Pictures
from blemish.station.recipe import Recipe
from blemish.station.recorder import Recorder
from blemish.station.site import Site
from blemish.station.supervisor import Supervisor
from blemish.station.warm import Warm, name_of

if TYPE_CHECKING:
    from fastapi import APIRouter

LOAD_SECONDS = 1.0  # between two looks for a model that is missing
MOST_TOLD = 50
STOPPED = "The station has stopped."


class Station:
    """One station, in one process and one event loop.

    Args:
        site: what it is made of.
        say: told of what a person must know, a sentence each.

    Attributes:
        site: as given.
        ledger: the record.
        models: by the names of their files, without `.onnx`.
        pictures: what is kept of inspections.
        sources: by the names of cameras.
        outputs: by their names.
        routers: routes that sources and outputs add.
        watchers: called with each inspection that comes into the record.

    Raises:
        LedgerError: the record is damaged, or another process writes it.
    """

    def __init__(self, site: Site, *, say: Callable[[str], None] = lambda _: None) -> None:
        self.site, self._tell = site, say
        make_folder(site.folder)
        self.ledger = Ledger.open(site.folder / "ledger.db")
        self.models = Models()
        self._warm = Warm(self.models, site.models, site.station.models_memory)
        self._in_force = InForce(site, self.ledger)
        self.routers: list[APIRouter] = []
        self.watchers: list[Callable[[Inspection], None]] = []
        self.outputs: dict[str, Output | Forwarder] = {}
        self._cameras = Cameras(site, lambda name: self._context("cameras", name), self.recipe)
        self.sources = self._cameras.sources
        for output in site.outputs:
            context = self._context("outputs", output.name)
            self.outputs[output.name] = output.make(output.name, output.settings, context)
        kept = [one.pictures for one in self.outputs.values() if isinstance(one, Files)]
        self.pictures = kept[0] if kept else Pictures(site.folder / "pictures")
        self._notices = Notices()
        self._counters = ShiftCounters(site.shifts)
        self._heartbeat = Heartbeat(self._trouble, self._changed, self._beat)
        self._machines = Machines(self.outputs, self.ledger)
        self._latest: dict[str | None, Inspection] = {}
        self._told: list[dict[str, str]] = []
        self._stopping = False

    @property
    def recipe(self) -> Recipe:
        """By which parts are inspected now."""
        return self._in_force.recipe

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The station at work, as long as the block lasts; its end waits for parts that came."""
        try:
            self._assemble()
            await self._begin()
            yield
        finally:
            await self._end()

    async def run(self) -> None:
        """Work until cancelled."""
        async with self.running():
            await asyncio.get_running_loop().create_future()

    # What sources and outputs ask of it.

    async def submit(self, frame: Frame) -> Row:
        """Have a frame judged; comes back once that is in the record.

        Raises:
            BusyError: the queue is full.
            UsageError: its camera is none of the recipe, or a name is too long or no text. Nothing
                has changed then, nor where the queue is full.
            BlemishError: it cannot be recorded, or the station ends.
        """
        done: asyncio.Future[Row] = asyncio.get_running_loop().create_future()

        async def settled(row: Row) -> None:
            if not done.done():
                done.set_result(row)

        async def refused(why: str) -> None:
            if not done.done():
                done.set_exception(BlemishError(why))

        if self._stopping:
            raise BlemishError(STOPPED)
        check_texts(part=frame.part, name=frame.name, key=frame.key)
        if (row := await self._intake.known(frame)) is not None:
            return row
        self._in_force.check_camera(frame.camera, frame.part)
        self._intake.check_room()
        await self._follow(frame.part)
        frame = replace(frame, settled=settled, refused=refused, waits=False)
        await self._intake.take(frame, self.recipe, patient=False)
        return await done

    async def trigger(self, camera: str, *, who: str, part: str | None = None) -> None:
        """Have a camera take an image; of a part that asks for a recipe, by its settings.

        Raises:
            UsageError: there is none of that name, it knows no trigger, or the recipe of the part
                has no such camera; nothing has changed then.
        """
        del who
        check_texts(part=part)
        self._cameras.check(camera)
        if part is not None:
            self._in_force.check_camera(camera, part)
        await self._cameras.check_trigger(camera)
        if changing := await self._follow(part):
            await asyncio.wait(changing)
        await self._cameras.trigger(camera, part)

    async def switch(self, recipe: str, *, who: str) -> None:
        """Go on by another recipe; parts that have come stay with theirs.

        Raises:
            UsageError: there is none of that name.
            BlemishError: its models cannot be loaded, or the switch not be recorded.
        """
        if changing := await self._switch(self._in_force.named(recipe), who):
            await asyncio.wait(changing)

    async def switch_for(self, part: str, *, who: str) -> None:
        """Go on by the recipe that a part asks for, by its id or number. Raises `UsageError`."""
        asked = self._in_force.asked_by(part)
        if asked is None:
            raise UsageError(f"No recipe is for part '{part[:100]}'; say so in one: parts = [...].")
        await self.switch(asked.name, who=who)

    # What people ask of it.

    def status(self) -> dict[str, Any]:
        """How the station is, as plain JSON values."""
        head = self.ledger.head()
        return {
            "name": self.site.station.name,
            "version": metadata.version("blemish"),
            "alive": self._heartbeat.trouble is None,
            "trouble": self._heartbeat.trouble,
            "beat": self._heartbeat.beats,
            "recipe": self.recipe.name,
            "recipes": list(self.site.recipes),
            "models": self._hashes(self.recipe),
            "queue": {
                "waiting": self._intake.waiting,
                "most": self._intake.most,
                "refused": self._intake.refused,
            },
            "cameras": {name: _health(one.health) for name, one in self.sources.items()},
            "outputs": {
                name: _health(one.health) | {"waiting": self._machines.waiting(name)}
                for name, one in self.outputs.items()
            },
            "shift": self._counters.to_dict(),
            "drift": self._drift.summary(self.recipe.name),
            "record": {"rows": head.number, "sha256": head.sha256, "lost": self._recorder.lost},
            "told": list(self._told),
        }

    def subscribe(self) -> AsyncIterator[Notice]:
        """What happens from now on; who reads slowly loses the oldest."""
        return self._notices.subscribe()

    def latest(self, camera: str | None = None) -> Inspection | None:
        """The newest inspection that is in the record, or the newest with a view of a camera."""
        return self._latest.get(camera)

    async def review(
        self, number: int, *, word: Literal["confirmed", "overruled"], comment: str, who: str
    ) -> Row:
        """Record a person's word on an inspection.

        Raises:
            UsageError: the row is no inspection.
            BlemishError: it cannot be recorded.
        """
        row = await asyncio.to_thread(self.ledger.row, number)
        if row is None or row.entry.kind != Kind.INSPECTION:
            raise UsageError(f"Row {number} is no inspection.")
        entry = Entry(
            Kind.REVIEW,
            datetime.now(UTC),
            {"word": word, "comment": comment},
            part=row.entry.part,
            recipe=row.entry.recipe,
            refers_to=number,
            who=who,
        )
        return await self._append(entry)

    async def act(
        self,
        what: str,
        *,
        who: str,
        body: Mapping[str, Any] | None = None,
        refers_to: int | None = None,
        marks: Mapping[str, str] | None = None,
    ) -> Row:
        """Record what a person, or a machine for one, has done. Raises `BlemishError`."""
        return await self._append(self._act(what, who, body, refers_to), marks)

    async def watch_anew(self, *, who: str) -> Row:
        """Have the drift monitors of the recipe begin anew: the line is as it should be again.

        Raises:
            BlemishError: it cannot be recorded; then they go on.
        """
        entry = self._act("watch the line anew", who)
        row = await self._recorder.watch_anew(self.recipe, entry)
        self._machines.more()
        self._notices.tell("state", self.status())
        return row

    def say(self, text: str) -> None:
        """Tell a person, and remember it for the page."""
        self._told.append({"time": datetime.now(UTC).isoformat(), "text": text})
        del self._told[:-MOST_TOLD]
        self._tell(text)

    # How it begins and ends.

    def _context(self, kind: str, name: str) -> Context:
        return Context(
            folder=self.site.folder / "state" / kind / name,
            base=self.site.path.parent.absolute(),
            ledger=self.ledger,
            station=self,
            say=lambda text: self.say(f"{name}: {text}"),
            routers=self.routers,
            pictures=self.site.folder / "pictures",
        )

    def _assemble(self) -> None:
        """What belongs to the event loop."""
        wanted = self.site.station
        self._tasks: Supervisor = Supervisor(self.say)
        self._judges = Judges(wanted.workers, hang_seconds=wanted.hang_seconds)
        self._drift = Drift(self.ledger, self.models)
        self._recorder = Recorder(self.ledger, self._drift, self._over, self.say)
        self._assembler = Assembler(self._recorder.put)
        self._intake = Intake(
            self.ledger, self.models, self._judges, self._assembler, most=wanted.queue
        )

    async def _begin(self) -> None:
        self._show_not_inspected(self._heartbeat.trouble)
        recipes, first = self.site.recipes, self.recipe.name
        for told in await asyncio.to_thread(self._warm.load_all, recipes, first):
            self.say(told)
        await asyncio.to_thread(self._counters.read, self.ledger)
        version, models = metadata.version("blemish"), self._hashes(self.recipe)
        await self._event("started", version=version, models=models)
        own = Health()
        for name, work in (
            ("judging", self._judges.watch),
            ("the record", self._recorder.run),
            ("the record's disk", self._recorder.probe),
            ("models", self._load_missing),
            ("the heartbeat", self._heartbeat.run),
        ):
            self._tasks.start(name, work, own)
        self._machines.start(self._tasks)
        self._cameras.start(self._tasks, self._take)

    async def _end(self) -> None:
        """Take nothing more, bring to its end what has come, and say that it is over."""
        self._stopping, self._heartbeat.trouble = True, STOPPED
        await self._tasks.end("the heartbeat")
        await self._cameras.end()
        self._assembler.close_all()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.site.station.drain_seconds):
                await self._recorder.drained()
        await self._recorder.give_up(STOPPED)
        with suppress(BlemishError):
            await self._event("stopped")
        self._show_not_inspected(STOPPED)
        await self._machines.shown()
        await self._tasks.end()
        await self._machines.close()
        self._notices.end()
        self._judges.close()
        self.ledger.close()

    # Frames come in.

    async def _switch(self, recipe: Recipe, who: str) -> list[asyncio.Task[None]]:
        """Switch; gives what is still to come: cameras with other settings."""

        async def record(before: Recipe, after: Recipe) -> None:
            await asyncio.to_thread(self._warm.load, after)
            body = {"from": before.name, "to": after.name, "models": self._hashes(after)}
            await self.act("switch", who=who, body=body, marks={MARK: after.name})

        before = await self._in_force.change(recipe, record)
        if before is None:
            return []
        self._notices.tell("state", self.status())
        return self._cameras.follow(before, recipe)

    async def _take(self, frame: Frame, health: Health) -> None:
        """Take a frame of a source in; whatever is wrong with one, the next is taken."""
        try:
            wrong = self._in_force.wrong_camera(frame.camera, frame.part)
            if wrong and self._in_force.asked_by(frame.part):
                frame = replace(frame, content=None, pixels=None, error=frame.error or wrong)
            else:
                await self._follow(frame.part)
            if not frame.waits and frame.camera not in self.recipe.cameras:
                health.count("not of the recipe")
                return
            await self._in_force.looks_through(frame.camera)
            await self._intake.take(frame, self.recipe)
        except BlemishError as error:
            health.count("refused")
            self.say(f"camera {frame.camera}: an image is not taken: {error}")
            if frame.refused is not None:
                await frame.refused(str(error))

    async def _follow(self, part: str | None) -> list[asyncio.Task[None]]:
        """Switch to the recipe that a part asks for; gives what is still to come of that."""
        asked = self._in_force.asked_by(part)
        return [] if asked is None else await self._switch(asked, f"part {part}")

    # Parts are over.

    def _over(self, part: Part, inspection: Inspection, row: Row | None) -> None:
        """What follows once a part is in the record, or cannot be."""
        self._intake.forget(part)
        if row is None:
            self._show_not_inspected("The record cannot be written.")
        elif row.new:
            self._counters.count(row)
            for camera in (None, *(view.camera for view in inspection.views)):
                self._latest[camera] = inspection
            self._machines.show(inspection)
            for watch in self.watchers:
                watch(inspection)
            self._machines.more()
            self._notices.tell("inspection", {"number": row.number, **row.entry.body})

    def _show_not_inspected(self, why: str | None) -> None:
        now, recipe = datetime.now(UTC), self.recipe.name
        self._machines.show(
            Inspection(new_id(now), now, None, recipe, Outcome.NOT_INSPECTED, (), why=why)
        )

    # Whether all is well.

    def _trouble(self) -> str | None:
        """Why no part can be judged and recorded; `None` where all is well."""
        if self._judges.hanging:
            return "The inspector hangs: the model does not answer."
        if self._recorder.problem is not None:
            return f"The record cannot be written: {self._recorder.problem}"
        missing = self._missing()
        if missing is not None:
            return f"There is no model '{self._warm.path_of(missing)}' yet, or it is none."
        return self._cameras.trouble(self.recipe.cameras)

    async def _changed(self, trouble: str | None) -> None:
        if trouble is not None:
            self.say(trouble)
            self._show_not_inspected(trouble)
        self._notices.tell("state", self.status())
        with suppress(BlemishError):
            await self._event("inspecting" if trouble is None else "trouble", trouble=trouble)

    async def _beat(self, beat: int) -> None:
        await self._machines.alive(beat, self.status())

    def _missing(self) -> str | None:
        """A model of the recipe that is not loaded."""
        names = map(name_of, self.recipe.models)
        return next((name for name in names if name not in self.models.names), None)

    async def _load_missing(self) -> None:
        """Look for models of the recipe that are not there yet: at the first start, say."""
        while True:
            await asyncio.sleep(LOAD_SECONDS)
            if self._missing() is not None:
                with suppress(BlemishError):  # which stands in the status
                    await asyncio.to_thread(self._warm.load, self.recipe)

    def _hashes(self, recipe: Recipe) -> dict[str, str]:
        """Hashes of the models of a recipe, by cameras, as far as they are loaded."""
        names = {camera: name_of(recipe.model_of(camera)) for camera in recipe.cameras}
        known = self.models.names
        return {c: self.models.get(n).model.sha256 for c, n in names.items() if n in known}

    # The record.

    async def _event(self, what: str, **values: Any) -> Row:
        now, recipe = datetime.now(UTC), self.recipe.name
        return await self._append(Entry(Kind.EVENT, now, {"event": what, **values}, recipe=recipe))

    def _act(
        self,
        what: str,
        who: str,
        body: Mapping[str, Any] | None = None,
        refers_to: int | None = None,
    ) -> Entry:
        values, now = {"act": what, **(body or {})}, datetime.now(UTC)
        return Entry(Kind.ACT, now, values, recipe=self.recipe.name, refers_to=refers_to, who=who)

    async def _append(self, entry: Entry, marks: Mapping[str, str] | None = None) -> Row:
        (row,) = await self._recorder.append([entry], marks=marks)
        self._machines.more()
        return row


def _health(health: Health) -> dict[str, Any]:
    return {"ready": health.ready, "told": health.told, "counts": dict(health.counts)}
