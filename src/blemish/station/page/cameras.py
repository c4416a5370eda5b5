"""Setting up cameras: how sharp and bright their image is now, and what they let be set."""

from __future__ import annotations

import base64
import inspect
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import HTMLResponse
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool

from blemish.errors import UsageError
from blemish.images.glance import glance_at
from blemish.images.overlay import encode_jpeg
from blemish.station.page.access import Answers, NotThereError, Role, Visitor, visits
from blemish.station.page.page import Page

SHOWN_PX = 1000
DARK = 0.15  # mean, as a share of white, below which an image is dark
CLIPPED = 0.01  # share of pixels at white that is too much

Viewer = Annotated[Visitor, Depends(visits(Role.VIEWER))]
Operator = Annotated[Visitor, Depends(visits(Role.OPERATOR))]
Engineer = Annotated[Visitor, Depends(visits(Role.ENGINEER))]


def routes(page: Page) -> APIRouter:
    """The view, the image as it is now, triggers and settings."""
    router = APIRouter(route_class=Answers, include_in_schema=False)

    @router.get("/cameras")
    def cameras(request: Request, visitor: Viewer, camera: str = "") -> HTMLResponse:
        names = page.triggered()
        chosen = camera if camera in names else names[0] if names else None
        return page.show(
            request,
            visitor,
            "cameras",
            cameras=names,
            chosen=chosen,
            settings=_settings(page, chosen) if chosen else {},
            still=chosen is not None and not hasattr(_source(page, chosen), "look"),
        )

    @router.get("/cameras/{name}/look")
    async def look(request: Request, name: str, _: Viewer) -> dict[str, Any]:
        pixels = await _pixels(page, name)
        if pixels is None:
            return {"image": None, "told": page.texts(request)("cameras.no_image")}
        return await run_in_threadpool(_figures, page, request, pixels)

    @router.post("/cameras/{name}/trigger")
    async def trigger(request: Request, name: str, visitor: Operator) -> dict[str, Any]:
        await page.station.trigger(name, who=visitor.name)
        return {"told": page.texts(request)("live.triggered", camera=name)}

    @router.post("/cameras/{name}/set")
    async def change(
        request: Request, name: str, visitor: Engineer, values: Annotated[dict[str, Any], Body()]
    ) -> dict[str, Any]:
        source = _source(page, name)
        if not hasattr(source, "set"):
            raise UsageError(f"Camera '{name}' has nothing to set from here.")
        known = _settings(page, name)
        wanted = {key: value for key, value in values.items() if key in known and value is not None}
        await _awaited(source.set(**wanted))
        await page.record("set-camera", visitor, {"camera": name, "values": wanted})
        return {"told": page.texts(request)("cameras.was_set")}

    return router


def _source(page: Page, name: str) -> Any:
    sources = page.station.sources
    if name not in sources:
        raise NotThereError(f"There is no camera '{name}'.")
    return sources[name]


def _settings(page: Page, name: str) -> dict[str, Any]:
    """What can be set from here, as it is: numbers by their names."""
    return dict(getattr(_source(page, name), "adjustable", {}))


async def _pixels(page: Page, name: str) -> NDArray[Any] | None:
    """The image as the camera has it now, or else the newest that was judged."""
    source = _source(page, name)
    if hasattr(source, "look"):
        pixels: NDArray[Any] | None = await _awaited(source.look())
        return pixels
    newest = page.station.latest(name)
    views = [] if newest is None else [v for v in newest.views if v.camera == name]
    return views[0].pixels if views else None


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _figures(page: Page, request: Request, pixels: NDArray[Any]) -> dict[str, Any]:
    t, white = page.texts(request), 255 if pixels.dtype == np.uint8 else 65535
    glance = glance_at(pixels)
    brightness = glance.brightness / white
    clipped = float((pixels.max(axis=2) >= white).mean())
    told = ""
    if clipped > CLIPPED:
        told = t("cameras.too_bright")
    elif brightness < DARK:
        told = t("cameras.too_dark")
    jpeg = encode_jpeg(pixels, long_side_px=SHOWN_PX)
    return {
        "image": "data:image/jpeg;base64," + base64.b64encode(jpeg).decode(),
        "sharpness": 100 * glance.sharpness,
        "brightness": t.share(brightness, 0),
        "clipped": t.share(clipped, 2),
        "told": told,
    }
