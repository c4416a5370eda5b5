"""Models: which judges under each name, what it was taught, and the way back."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import HTMLResponse

from blemish.model.history import promise_told
from blemish.station.page.access import Answers, Role, Visitor, visits
from blemish.station.page.page import Page

Viewer = Annotated[Visitor, Depends(visits(Role.VIEWER))]
Engineer = Annotated[Visitor, Depends(visits(Role.ENGINEER))]


def routes(page: Page) -> APIRouter:
    """The list, and rolling back."""
    router = APIRouter(route_class=Answers, include_in_schema=False)

    @router.get("/models")
    def models(request: Request, visitor: Viewer) -> HTMLResponse:
        told = [_told(page, name) for name in sorted(page.station.models.names)]
        return page.show(request, visitor, "models", models=told)

    @router.post("/models/roll-back")
    async def roll_back(
        visitor: Engineer,
        name: Annotated[str, Body(max_length=200)],
        sha256: Annotated[str, Body(pattern="^[0-9a-f]{12,64}$")],
    ) -> dict[str, Any]:
        before, after = await asyncio.to_thread(page.versions.roll_back, name, sha256)
        await page.record("roll-back", visitor, {"model": name, "before": before, "after": after})
        return {}

    return router


def _told(page: Page, name: str) -> dict[str, Any]:
    model = page.station.models.get(name).model
    stated = model.calibration.stated()
    return {
        "name": name,
        "detector": model.detector,
        "images": len(model.facts.training.images),
        "threshold": stated.image_threshold,
        "rate": stated.false_alarm_rate,
        "promise": promise_told(model.facts.history),
        "steps": [step.told() for step in model.facts.history],
        "versions": page.versions.of(name),
    }
