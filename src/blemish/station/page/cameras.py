"""Setting up cameras: how sharp and bright their image is now, and what they let be set."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from blemish.errors import UsageError
from blemish.images.overlay import encode_jpeg
from blemish.station.page.access import Answers, NotThereError, Role, Visitor, visits
from blemish.station.page.page import Page
from blemish.station.page.texts import Texts
from blemish.station.sources.focus import seen

SHOWN_PX = 1000
DARK = 0.15  # mean, as a share of white, below which an image is dark
CLIPPED = 0.01  # share of pixels at white that is too much

ADJUSTABLE = ("exposure_us", "gain")

Viewer = Annotated[Visitor, Depends(visits(Role.VIEWER))]
Operator = Annotated[Visitor, Depends(visits(Role.OPERATOR))]
Engineer = Annotated[Visitor, Depends(visits(Role.ENGINEER))]


class Settings(BaseModel):
    """What a camera may be set to, of what it lets be set."""

    exposure_us: Annotated[float, Field(gt=0)] | None = None
    gain: float | None = None


def routes(page: Page) -> APIRouter:
    """The view, the image as it is now, triggers and settings."""
    router = APIRouter(route_class=Answers, include_in_schema=False)

    @router.get("/cameras")
    def cameras(request: Request, visitor: Viewer, camera: str = "") -> HTMLResponse:
        names = page.cameras()
        chosen = camera if camera in names else names[0] if names else None
        source = None if chosen is None else _source(page, chosen)
        return page.show(
            request,
            visitor,
            "cameras",
            cameras=names,
            chosen=chosen,
            settings=ADJUSTABLE if hasattr(source, "set") else (),
            live=hasattr(source, "look"),
            takes_triggers=chosen is not None and page.takes_triggers(chosen),
        )

    @router.get("/cameras/{name}/look")
    async def look(request: Request, name: str, _: Viewer) -> dict[str, Any]:
        source, newest = _source(page, name), page.station.latest(name)
        views = [] if newest is None else [v for v in newest.views if v.camera == name]
        pixels = views[0].pixels if views else None
        t = page.texts(request)
        if hasattr(source, "look"):
            found = await source.look()
        elif pixels is not None:
            found = await run_in_threadpool(seen, pixels)
        else:
            return {"image": None, "told": t("cameras.no_image")}
        return await run_in_threadpool(_told, pixels, found, t)

    @router.post("/cameras/{name}/trigger")
    async def trigger(request: Request, name: str, visitor: Operator) -> dict[str, Any]:
        await page.station.trigger(name, who=visitor.name)
        return {"told": page.texts(request)("live.triggered", camera=name)}

    @router.post("/cameras/{name}/set")
    async def change(
        request: Request, name: str, visitor: Engineer, wanted: Settings
    ) -> dict[str, Any]:
        source = _source(page, name)
        if not hasattr(source, "set"):
            raise UsageError(f"Camera '{name}' has nothing to set from here.")
        values = wanted.model_dump(exclude_none=True)
        await source.set(**values)
        await page.record("set-camera", visitor, {"camera": name, "values": values})
        return {"told": page.texts(request)("cameras.was_set")}

    return router


def _source(page: Page, name: str) -> Any:
    sources = page.station.sources
    if name not in sources:
        raise NotThereError(f"There is no camera '{name[:100]}'.")
    return sources[name]


def _told(pixels: NDArray[Any] | None, values: dict[str, Any], t: Texts) -> dict[str, Any]:
    """What the page shows: the newest image that was judged, and what is said of that of now."""
    grey = sum(i * share for i, share in enumerate(values["histogram"])) / len(values["histogram"])
    told = ""
    if values["clipped"] > CLIPPED:
        told = t("cameras.too_bright")
    elif grey < DARK:
        told = t("cameras.too_dark")
    image = None
    if pixels is not None:
        jpeg = encode_jpeg(pixels, long_side_px=SHOWN_PX)
        image = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    return {
        "image": image,
        "focus": values["focus"] ** 0.5,
        "histogram": values["histogram"],
        "brightness": t.share(grey, 0),
        "clipped": t.share(values["clipped"], 2),
        "told": told,
        "settings": {name: values[name] for name in ADJUSTABLE if name in values},
    }
