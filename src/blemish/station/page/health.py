"""How cameras, outputs and the record are, and what happened of late."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from blemish.ledger.entry import Kind
from blemish.ledger.query import Query
from blemish.station.page.access import Answers, Role, Visitor, visits
from blemish.station.page.page import Page

EVENTS = 25

Viewer = Annotated[Visitor, Depends(visits(Role.VIEWER))]


def routes(page: Page) -> APIRouter:
    """The view, and what in it is looked at again and again."""
    router = APIRouter(route_class=Answers, include_in_schema=False)

    @router.get("/health")
    def health(request: Request, visitor: Viewer) -> HTMLResponse:
        return page.show(request, visitor, "health", **_now(page))

    @router.get("/health/now")
    def now(request: Request, visitor: Viewer) -> HTMLResponse:
        return page.show(request, visitor, "health_now", **_now(page))

    return router


def _now(page: Page) -> dict[str, Any]:
    ledger, status = page.station.ledger, page.station.status()
    events = ledger.rows(Query(kinds=[Kind.ACT, Kind.EVENT, Kind.REVIEW]), most=EVENTS)
    return {"status": status, "head": ledger.head(), "events": events}
