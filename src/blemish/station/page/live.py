"""The live view: the verdict of the newest part, why, and how the shift goes.

The verdict goes over a stream of events that also beats once a second. A page that hears nothing
for a few seconds says so in the place of the verdict: nothing old is ever shown as if it were new.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from blemish.ledger.entry import Kind
from blemish.ledger.query import Query
from blemish.serving.guard import Guard, needs
from blemish.serving.tokens import Token
from blemish.station.inspection import Inspection, deciding
from blemish.station.page.access import Answers, NotThereError, Role, Visitor, visits
from blemish.station.page.page import Page
from blemish.station.page.shift import ShiftChart, shift_shown
from blemish.station.page.shots import regions_svg
from blemish.station.page.shown import PartShown
from blemish.station.page.texts import Texts

BEAT_SECONDS = 1.0
SILENT_AFTER_SECONDS = 4  # without a beat the page says that it has no connection
AGED_AFTER_SECONDS = 60  # without a new part the verdict steps back
LEAST_SECONDS = 0.1  # between two events, however fast parts come
STREAM_SECONDS = 600.0  # then the browser asks anew, and who it is is looked at again
MOST_STREAMS = 64
RECENT = 18  # parts

Viewer = Annotated[Visitor, Depends(visits(Role.VIEWER))]
Engineer = Annotated[Visitor, Depends(visits(Role.ENGINEER))]
Known = Annotated[Token, Depends(needs(Role.VIEWER))]
_IMAGE_LAYERS = {"image": "image/jpeg", "map": "image/jpeg", "regions": "image/svg+xml"}


def routes(page: Page) -> APIRouter:
    """The view, its stream, and what is below the verdict."""
    router = APIRouter(route_class=Answers, include_in_schema=False)
    streams: set[object] = set()
    chart = ShiftChart(page.station)

    @router.get("/")
    async def live(request: Request, visitor: Viewer) -> HTMLResponse:
        return page.show(
            request,
            visitor,
            "live",
            silent_after_s=SILENT_AFTER_SECONDS,
            aged_after_s=AGED_AFTER_SECONDS,
        )

    @router.get("/live/stream")
    async def stream(request: Request, _: Viewer, token: Known) -> StreamingResponse:
        guard: Guard = request.app.state.guard
        if len(streams) >= MOST_STREAMS:
            raise HTTPException(503, f"{MOST_STREAMS} pages watch already; close one.")

        async def counted() -> AsyncIterator[str]:
            mine = object()
            streams.add(mine)
            try:
                async for event in _events(page, page.texts(request)):
                    if not guard.still(token):
                        break
                    yield event
            finally:
                streams.discard(mine)

        return StreamingResponse(counted(), media_type="text/event-stream")

    @router.get("/live/panel")
    def panel(request: Request, visitor: Viewer) -> HTMLResponse:
        station, t = page.station, page.texts(request)
        newest = station.latest()
        rows = station.ledger.rows(Query(kinds=[Kind.INSPECTION]), most=RECENT)
        recent = [PartShown.of(row) for row in rows]
        part = next((one for one in recent if newest and one.id == newest.id), None)
        part = part or (recent[0] if recent else None)
        shots = page.shots.of(newest) if newest and part and newest.id == part.id else {}
        return page.show(
            request,
            visitor,
            "live_panel",
            part=part,
            shots=shots,
            recent=recent,
            cameras=list(filter(page.takes_triggers, page.cameras())),
            begins=page.lacks_model(station.recipe),
            **shift_shown(station, chart, t),
        )

    @router.post("/live/watch-anew")
    async def watch_anew(visitor: Engineer) -> dict[str, Any]:
        await page.station.watch_anew(who=visitor.name)
        return {}

    @router.get("/live/{inspection_id}/{camera}/{layer}")
    def picture(inspection_id: str, camera: str, layer: str, _: Viewer) -> Response:
        shot = page.shots.known(inspection_id, camera)
        if shot is None or layer not in _IMAGE_LAYERS:
            raise NotThereError("This picture is not kept any more.")
        if layer == "regions":
            return Response(regions_svg(shot.size_hw, shot.regions), media_type="image/svg+xml")
        return Response(shot.map if layer == "map" else shot.image, media_type="image/jpeg")

    return router


async def _events(page: Page, t: Texts) -> AsyncIterator[str]:
    """How the station is: when something comes, and once a second."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    changed.set()

    async def listen() -> None:
        async for _ in page.station.subscribe():
            changed.set()

    listening, end = asyncio.create_task(listen()), loop.time() + STREAM_SECONDS
    try:
        while loop.time() < end and not listening.done():
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), BEAT_SECONDS)
            news = changed.is_set()
            changed.clear()
            said = _now(page.station.status(), page.station.latest(), t) | {"changed": news}
            yield f"data: {json.dumps(said)}\n\n"
            await asyncio.sleep(LEAST_SECONDS)
    finally:
        listening.cancel()


def _now(status: dict[str, Any], newest: Inspection | None, t: Texts) -> dict[str, Any]:
    """What the band shows."""
    said = {
        "alive": bool(status["alive"]),
        "told": status.get("trouble") or "",
        "age": 0.0,
        "last": None,
    }
    if newest is None:
        return said
    return said | {
        "age": max(0.0, (datetime.now(UTC) - newest.time).total_seconds()),
        "last": {
            "id": newest.id,
            "outcome": str(newest.outcome),
            "word": t.verdict(newest.outcome),
            "part": _called(newest),
            "line": _line(newest, t),
        },
    }


def _called(newest: Inspection) -> str:
    """The part's id; of one without, what the source calls its image."""
    return newest.part or next((view.name for view in newest.views if view.name), "")


def _line(newest: Inspection, t: Texts) -> str:
    """Beside the verdict: why it is none, or the score that is highest above its threshold."""
    if newest.why:
        return newest.why
    if newest.missing:
        return t("live.missing", cameras=", ".join(newest.missing))
    errors = [view.error for view in newest.views if view.error]
    if errors:
        return errors[0]
    view = deciding(newest.views)
    if view is None or view.prediction is None:
        return ""
    if view.prediction.reasons:
        return view.prediction.reasons[0].message
    score, threshold = t.score(view.prediction.score), t.score(view.threshold)
    return t("live.score", score=score, threshold=threshold)
