"""What was inspected: found by verdict, recipe, part and time; one part with all that is known."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from blemish.errors import BlemishError
from blemish.images.overlay import encode_jpeg
from blemish.ledger.entry import Kind, Row
from blemish.ledger.query import Query as Asked
from blemish.station.inspection import Outcome
from blemish.station.page.access import Answers, NotThereError, Role, Visitor, visits
from blemish.station.page.evidence import pairs_of
from blemish.station.page.page import Page
from blemish.station.page.review import next_waiting, words_on
from blemish.station.page.shots import read_shot, regions_svg
from blemish.station.page.shown import PartShown

ROWS = 50  # a page
SMALL_PX = 320
PATCH_PX = 220
A_DAY = "private, max-age=86400"  # what was recorded does not change

Viewer = Annotated[Visitor, Depends(visits(Role.VIEWER))]
Word = Annotated[str, Query(max_length=200)]


def routes(page: Page) -> APIRouter:
    """The list, one part, its pictures and what it was compared with."""
    router = APIRouter(route_class=Answers, include_in_schema=False)
    station = page.station

    @router.get("/history")
    def history(
        request: Request,
        visitor: Viewer,
        verdict: Word = "",
        recipe: Word = "",
        part: Word = "",
        since: Word = "",
        until: Word = "",
        before: int | None = None,
    ) -> HTMLResponse:
        t = page.texts(request)
        asked = {"verdict": verdict, "recipe": recipe, "part": part, "since": since, "until": until}
        query = Asked(
            kinds=[Kind.INSPECTION],
            verdicts=[verdict] if verdict in set(Outcome) else None,
            recipe=recipe or None,
            part=part or None,
            since=_time(since, t.zone),
            until=_time(until, t.zone),
        )
        rows = station.ledger.rows(query, most=ROWS + 1, before=before)
        older = None
        if len(rows) > ROWS:
            older = "?" + urlencode(asked | {"before": rows[ROWS - 1].number})
        return page.show(
            request,
            visitor,
            "history",
            rows=[PartShown.of(row) for row in rows[:ROWS]],
            asked=asked,
            older=older,
            newest="?" + urlencode(asked) if before is not None else None,
            recipes=page.recipes(),
            outcomes=list(Outcome),
        )

    @router.get("/parts/{number}")
    def part(request: Request, number: int, visitor: Viewer) -> HTMLResponse:
        row = inspection_row(page, number)
        shown = PartShown.of(row)
        return page.show(
            request,
            visitor,
            "part",
            part=shown,
            pictures=[v.camera for v in shown.views if _path(page, shown, v.camera)],
            words=words_on(station.ledger, number),
            waiting=next_waiting(station.ledger, number),
            verdict_holds=shown.of_good,
        )

    @router.get("/parts/{number}/evidence")
    def evidence(request: Request, number: int, visitor: Viewer) -> HTMLResponse:
        shown = PartShown.of(inspection_row(page, number))
        rows = list(_patches(page, shown))
        return page.show(request, visitor, "evidence", rows=rows)

    @router.get("/parts/{number}/{camera}/{layer}")
    def picture(number: int, camera: str, layer: str, _: Viewer) -> Response:
        shown = PartShown.of(inspection_row(page, number))
        path = _path(page, shown, camera, "overlay" if layer == "map" else "image")
        view = shown.view(camera)
        if path is None or view is None or layer not in ("image", "map", "regions", "small"):
            raise NotThereError("No such picture is kept.")
        shot = read_shot(path) if layer != "small" else read_shot(path, SMALL_PX)
        headers = {"Cache-Control": A_DAY}
        if layer == "regions":
            text = regions_svg(shot.size_hw, view.regions)
            return Response(text, headers=headers, media_type="image/svg+xml")
        return Response(shot.image, headers=headers, media_type="image/jpeg")

    return router


def inspection_row(page: Page, number: int) -> Row:
    """The row of an inspection. Raises `NotThereError`."""
    row = page.station.ledger.row(number) if 0 < number < 1 << 62 else None
    if row is None or row.entry.kind != Kind.INSPECTION:
        raise NotThereError(f"Row {number} is no inspection.")
    return row


def _path(page: Page, part: PartShown, camera: str, layer: str = "image") -> Path | None:
    """Where a picture is kept, of a camera that the part has."""
    if not part.id or part.view(camera) is None:
        return None
    path: Path | None = page.station.pictures.path_of(part.id, camera, layer)
    return path if path is not None and path.is_file() else None


def _patches(page: Page, part: PartShown) -> Iterator[dict[str, Any]]:
    """Pairs of patches as pictures within the text; none where nobody can tell."""
    for view in part.views:
        path = _path(page, part, view.camera)
        if path is None or not view.regions or view.model is None:
            continue
        try:
            pairs = pairs_of(page.station, view.model, path)
        except BlemishError:
            continue  # the model does not tell, or is not there any more
        for pair in pairs:
            yield {"odd": _within(pair.odd), "good": _within(pair.good)}


def _within(pixels: Any) -> str | None:
    if pixels is None or 0 in pixels.shape:
        return None
    jpeg = encode_jpeg(pixels, long_side_px=PATCH_PX)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _time(text: str, zone: Any) -> datetime | None:
    """A time as a browser's field has it; `None` for what is none."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return None
    return local if local.tzinfo else local.replace(tzinfo=zone) if zone else local.astimezone()
