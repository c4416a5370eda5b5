"""All views as routers for the station's application."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from blemish.station.page import (
    cameras,
    golden,
    health,
    history,
    live,
    models,
    recipes,
    review,
    setup,
    statistics,
    teaching,
)
from blemish.station.page.access import Answers, NotThereError
from blemish.station.page.page import Page

if TYPE_CHECKING:
    from blemish.station.station import Station

VIEWS = (
    live,
    review,
    teaching,
    history,
    statistics,
    recipes,
    models,
    golden,
    cameras,
    health,
    setup,
)
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
REVALIDATED = "no-cache"


def page_routers(station: Station, **settings: Any) -> list[APIRouter]:
    """Routers of the page; the application has a guard (`blemish.serving.app.make_app`).

    Args:
        station: that is shown.
        settings: of the `Page`.
    """
    page = Page(station, **settings)
    return [_open(page), *(view.routes(page) for view in VIEWS)]


def _open(page: Page) -> APIRouter:
    """What is there before signing in."""
    router = APIRouter(route_class=Answers, include_in_schema=False)

    @router.get("/sign-in")
    def sign_in(request: Request) -> HTMLResponse:
        return page.show(request, None, "sign_in")

    @router.get("/page/{name}")
    def asset(name: str) -> Response:
        files = {file.name: file for file in (resources.files(__package__) / "static").iterdir()}
        kind = KINDS.get(Path(name).suffix)
        if name not in files or kind is None:
            raise NotThereError("There is no such file.")
        content = files[name].read_bytes()
        return Response(content, media_type=kind, headers={"Cache-Control": REVALIDATED})

    return router
