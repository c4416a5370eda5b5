"""The first start: take images of good parts, fit, look at those that stand out, go.

All of it is one state on the station, so that a page which is closed and opened again goes on.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request, Response
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from blemish.errors import BlemishError, UsageError
from blemish.files import make_folder, refuse_existing, write_whole
from blemish.station.page.access import Answers, Role, Visitor, visits
from blemish.station.page.collected import WANTED, Collected
from blemish.station.page.first_model import fitted
from blemish.station.page.job import Job
from blemish.station.page.page import Page
from blemish.station.page.shots import read_jpeg
from blemish.station.recipe import read_recipes
from blemish.station.site import NAME
from blemish.station.warm import name_of

FEW = 20  # below, nobody can tell which images stand out
THUMB_PX = 260
FOLDER = "first-start"

Engineer = Annotated[Visitor, Depends(visits(Role.ENGINEER))]


@dataclass
class FirstStart:
    """How far it is.

    Attributes:
        images: that were taken.
        new: file of the model that is fitted.
        job: that fits; `None` before.
        taking: name of the camera whose parts are taken; `None` for none.
    """

    images: Collected
    new: Path
    job: Job | None = None
    taking: str | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def step(self) -> str:
        """What there is to do: `images`, `fit` or `go`."""
        if self.job is None or self.job.error is not None:
            return "images"
        return "fit" if self.job.result is None else "go"

    def stop(self) -> None:
        """Take no more images."""
        if self.task is not None:
            self.task.cancel()
        self.task = self.taking = None


def routes(page: Page) -> APIRouter:
    """The assistant."""
    router = APIRouter(route_class=Answers, include_in_schema=False)
    folder = page.station.site.folder / FOLDER
    state = FirstStart(Collected(folder / "good"), folder / "model.onnx")

    @router.get("/setup")
    def setup(request: Request, visitor: Engineer) -> HTMLResponse:
        return page.show(request, visitor, "setup", **_shown(page, state))

    @router.get("/setup/now")
    def now(request: Request, visitor: Engineer) -> HTMLResponse:
        return page.show(request, visitor, "setup_now", **_shown(page, state))

    @router.post("/setup/images")
    async def add(request: Request, visitor: Engineer) -> dict[str, Any]:
        content = await request.body()
        name = await run_in_threadpool(state.images.add, content)
        await page.record("first-images-add", visitor, {"image": name})
        return {"name": name, "next": "/setup"}

    @router.get("/setup/images/{name}")
    def image(name: str, _: Engineer) -> Response:
        jpeg = read_jpeg(state.images.path_of(name), THUMB_PX)
        return Response(jpeg, media_type="image/jpeg")

    @router.post("/setup/images/{name}/remove")
    async def remove(name: str, visitor: Engineer) -> dict[str, Any]:
        await run_in_threadpool(state.images.remove, name)
        await page.record("first-images-remove", visitor, {"image": name})
        return {}

    @router.post("/setup/take")
    async def take(
        visitor: Engineer, camera: Annotated[str, Body(embed=True, max_length=200)]
    ) -> dict[str, Any]:
        if camera not in page.cameras():
            raise UsageError(f"There is no camera '{camera[:100]}'.")
        state.stop()
        state.job, state.taking = None, camera
        state.task = asyncio.create_task(_taken(page, state, camera))
        await page.record("first-images-take", visitor, {"camera": camera})
        return {}

    @router.post("/setup/stop")
    async def stop(_: Engineer) -> dict[str, Any]:
        state.stop()
        if state.job is not None:
            state.job.stop()
            state.job = None
        return {}

    @router.post("/setup/empty")
    async def empty(visitor: Engineer) -> dict[str, Any]:
        state.stop()
        await page.record("first-images-empty", visitor, {"images": len(state.images.names())})
        await run_in_threadpool(state.images.clear)
        state.job = None
        return {}

    @router.post("/setup/fit")
    async def begin(visitor: Engineer) -> dict[str, Any]:
        if state.job is not None and not state.job.over:
            raise UsageError("A model is being fitted already.")
        if (images := len(state.images.names())) < 2:
            raise UsageError("A model takes two images of good parts at least; thirty are better.")
        state.stop()
        settings = dict(page.detector_settings)
        state.job = Job.start(fitted, str(state.images.folder), str(state.new), settings)
        await page.record("first-model-fit", visitor, {"images": images})
        return {}

    @router.post("/setup/go")
    async def go(
        visitor: Engineer,
        name: Annotated[str, Body(embed=True, max_length=64)],
    ) -> dict[str, Any]:
        if state.job is None or state.job.result is None:
            raise UsageError("There is no model yet: fit one first.")
        await run_in_threadpool(_installed, page, state.new, name)
        result = state.job.result
        body = {"recipe": name, "after": result["sha256"], "images": result["images"]}
        await page.record("first-model", visitor, body)
        await page.station.switch(name, who=visitor.name)
        state.job = None
        return {"next": "/"}

    return router


def _shown(page: Page, state: FirstStart) -> dict[str, Any]:
    names = state.images.names()
    return {
        "state": state,
        "names": names,
        "wanted": WANTED,
        "few": FEW,
        "cameras": page.cameras(),
        "suggested": _suggested(page),
    }


async def _taken(page: Page, state: FirstStart, camera: str) -> None:
    """Each part that a camera sees, as a good one, until there are enough."""
    seen = page.station.latest(camera)
    last = None if seen is None else seen.id
    async for _ in page.station.subscribe():
        newest = page.station.latest(camera)
        if newest is None or newest.id == last:
            continue
        last = newest.id
        for view in newest.views:
            if view.camera == camera:
                with suppress(BlemishError):  # a file that is no image is none of a good part
                    await run_in_threadpool(state.images.add_view, view)
        if len(state.images.names()) >= WANTED:
            break
    state.task = state.taking = None


def _suggested(page: Page) -> str:
    """The recipe that lacks a model, or else a name that no recipe has yet."""
    recipe = page.station.recipe
    if page.lacks_model(recipe):
        return recipe.name
    known = page.recipes()
    return next(name for n in range(1, 10_000) if (name := f"part-{n}") not in known)


def _installed(page: Page, new: Path, name: str) -> None:
    """Give a recipe its model: one that lacks it, or a new one for all cameras.

    The model comes first: a recipe is never there without one because of this.

    Raises:
        UsageError: the name is none, or its recipe has a model.
    """
    site, cameras = page.station.site, page.cameras()
    if NAME.fullmatch(name) is None:
        raise UsageError("A recipe's name has letters, digits, - and _ (64 at most).")
    known = site.recipes.get(name)
    if known is not None and not page.lacks_model(known):
        raise UsageError(f"Recipe '{name}' has a model already; take another name.")
    make_folder(site.models)
    if known is not None:
        for file in known.models:
            write_whole(page.model_file(file), new.read_bytes())
            page.station.models.reload(name_of(file), page.model_file(file))
        return
    recipe = site.folder / "recipes" / f"{name}.toml"
    refuse_existing(recipe, force=False)
    refuse_existing(page.model_file(name), force=False)
    make_folder(recipe.parent)
    write_whole(page.model_file(name), new.read_bytes())
    listed = ", ".join(f'"{camera}"' for camera in cameras)
    write_whole(recipe, f'model = "{name}.onnx"\ncameras = [{listed}]\n')
    site.recipes[name] = read_recipes(recipe.parent, cameras)[name]
