"""The cameras of a station: each feeds it by a task of its own, with the settings of the recipe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

from blemish.errors import UsageError, did_you_mean
from blemish.station.contracts import Context, Frame, Health, Source
from blemish.station.recipe import Recipe
from blemish.station.site import Part, Site
from blemish.station.supervisor import Supervisor

Take = Callable[[Frame, Health], Awaitable[None]]


class Cameras:
    """Makes sources, and makes them anew where a recipe changes their settings.

    Args:
        site: that names them.
        context_of: what a source of a name is given.
        recipe: by which parts are inspected first.

    Attributes:
        sources: by their names.
    """

    def __init__(self, site: Site, context_of: Callable[[str], Context], recipe: Recipe) -> None:
        self._site, self._context_of = site, context_of
        self.sources: dict[str, Source] = {}
        self._taking: dict[str, asyncio.Lock] = {}
        self._renewing: set[asyncio.Task[None]] = set()
        for camera in site.cameras:
            self._make(camera, recipe)

    def start(self, tasks: Supervisor, take: Take) -> None:
        """Begin to give frames: each is taken before the next one is asked for."""
        self._tasks, self._take = tasks, take
        for camera in self._site.cameras:
            self._taking[camera.name] = asyncio.Lock()
            self._start(camera.name)

    async def end(self) -> None:
        """Give no more."""
        await self._tasks.end(*map(_task_of, self.sources))

    def follow(self, before: Recipe, after: Recipe) -> list[asyncio.Task[None]]:
        """Make those anew whose settings are others by another recipe, once they are at no frame.

        Returns:
            What is to be awaited until they are; by nobody who takes a frame.
        """
        changed = [
            camera
            for camera in self._site.cameras
            if self._site.settings_for(camera, before.name)
            != self._site.settings_for(camera, after.name)
        ]
        renewing = [asyncio.create_task(self._renew(camera, after)) for camera in changed]
        for task in renewing:
            self._renewing.add(task)
            task.add_done_callback(self._renewing.discard)
        return renewing

    async def trigger(self, camera: str, part: str | None) -> None:
        """Have one take an image. Raises `UsageError`."""
        self.check(camera)
        await self.sources[camera].trigger(part)

    async def check_trigger(self, camera: str) -> None:
        """Raise `UsageError` where one knows no trigger, before anything is done for it."""
        source = self.sources[camera]
        if not source.takes_triggers:
            await source.trigger(None)  # which says why

    def check(self, camera: str) -> None:
        """Raise `UsageError` where there is none of that name."""
        if camera not in self.sources:
            near = did_you_mean(camera, self.sources)
            raise UsageError(f"There is no camera '{camera[:100]}'.{near}")

    def trouble(self, wanted: Iterable[str]) -> str | None:
        """Which one is not ready, and why; `None` where all that are wanted are."""
        for name in wanted:
            health = self.sources[name].health
            if not health.ready:
                return f"Camera '{name}' is not ready: {health.told}"
        return None

    def _make(self, camera: Part, recipe: Recipe) -> None:
        settings = self._site.settings_for(camera, recipe.name)
        context = self._context_of(camera.name)
        self.sources[camera.name] = camera.make(camera.name, settings, context)

    def _start(self, name: str) -> None:
        source = self.sources[name]

        async def pump() -> None:
            frames = source.frames()
            try:
                async for frame in frames:
                    async with self._taking[name]:
                        await self._take(frame, source.health)
            finally:
                if isinstance(frames, AsyncGenerator):  # it lets go of what it holds, now
                    await frames.aclose()

        self._tasks.start(_task_of(name), pump, source.health)

    async def _renew(self, camera: Part, recipe: Recipe) -> None:
        async with self._taking[camera.name]:
            await self._tasks.end(_task_of(camera.name))
            self._make(camera, recipe)
            self._start(camera.name)


def _task_of(name: str) -> str:
    return f"camera {name}"
