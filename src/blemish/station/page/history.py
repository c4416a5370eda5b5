"""What was inspected: found by verdict, recipe, part and time; one part with all that is known."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from blemish.errors import BlemishError
from blemish.images.overlay import encode_jpeg
from blemish.ledger.entry import Kind
from blemish.ledger.query import Query as Asked
from blemish.station.inspection import Outcome
from blemish.station.page.access import Answers, NotThereError, Role, Visitor, visits
from blemish.station.page.evidence import pairs_of
from blemish.station.page.page import MOST_ROWS, Page
from blemish.station.page.review import next_waiting, words_on
from blemish.station.page.shots import LONG_SIDE_PX, laid_over, read_jpeg, regions_svg, size_of
from blemish.station.page.shown import PartShown, ViewShown

ROWS = 50  # a page
SMALL_PX = 320
PATCH_PX = 220
A_DAY = "private, max-age=86400"  # what was recorded does not change

Viewer = Annotated[Visitor, Depends(visits(Role.VIEWER))]
Word = Annotated[str, Field(max_length=200)]


class Wanted(BaseModel):
    """What is looked for; an empty text for anything."""

    verdict: Word = ""
    recipe: Word = ""
    part: Word = ""
    since: Word = ""
    until: Word = ""
    before: Annotated[int, Field(ge=0, le=MOST_ROWS)] | None = None
    language: Word = ""

    def query(self, zone: tzinfo | None) -> Asked:
        """The same for the ledger."""
        return Asked(
            kinds=[Kind.INSPECTION],
            verdicts=[self.verdict] if self.verdict in set(Outcome) else None,
            recipe=self.recipe or None,
            part=self.part or None,
            since=_time(self.since, zone),
            until=_time(self.until, zone),
        )


def routes(page: Page) -> APIRouter:
    """The list, one part, its pictures and what it was compared with."""
    router = APIRouter(route_class=Answers, include_in_schema=False)
    station = page.station

    @router.get("/history")
    def history(
        request: Request,
        visitor: Viewer,
        wanted: Annotated[Wanted, Query()],
    ) -> HTMLResponse:
        query = wanted.query(page.texts(request).zone)
        rows = station.ledger.rows(query, most=ROWS + 1, before=wanted.before)
        asked, older = wanted.model_dump(exclude={"before", "language"}), None
        if len(rows) > ROWS:
            older = "?" + urlencode(asked | {"before": rows[ROWS - 1].number})
        return page.show(
            request,
            visitor,
            "history",
            rows=[PartShown.of(row) for row in rows[:ROWS]],
            asked=asked,
            older=older,
            newest="?" + urlencode(asked) if wanted.before is not None else None,
            recipes=page.recipes(),
            outcomes=list(Outcome),
        )

    @router.get("/parts/{number}")
    def part(request: Request, number: int, visitor: Viewer) -> HTMLResponse:
        row = page.inspection_row(number)
        shown = PartShown.of(row)
        return page.show(
            request,
            visitor,
            "part",
            part=shown,
            pictures=[v.camera for v in shown.views if page.picture(shown, v.camera)],
            words=words_on(station.ledger, number),
            waiting=next_waiting(station.ledger, number),
            verdict_holds=shown.of_good,
        )

    @router.get("/parts/{number}/evidence")
    def evidence(request: Request, number: int, visitor: Viewer) -> HTMLResponse:
        shown = PartShown.of(page.inspection_row(number))
        rows = list(_patches(page, shown))
        return page.show(request, visitor, "evidence", rows=rows)

    @router.get("/parts/{number}/{camera}/{layer}")
    def picture(number: int, camera: str, layer: str, _: Viewer) -> Response:
        shown = PartShown.of(page.inspection_row(number))
        path, view = page.picture(shown, camera), shown.view(camera)
        if path is None or view is None:
            raise NotThereError("No such picture is kept.")
        headers = {"Cache-Control": A_DAY}
        if layer == "regions":
            text = regions_svg(size_of(path), view.regions)
            return Response(text, headers=headers, media_type="image/svg+xml")
        return Response(_jpeg(page, shown, view, layer), headers=headers, media_type="image/jpeg")

    return router


def _jpeg(page: Page, part: PartShown, view: ViewShown, layer: str) -> bytes:
    """A picture of a part. Raises `NotThereError` where it is not kept."""
    if layer in ("image", "small"):
        image = page.picture(part, view.camera)
        if image is not None:
            return read_jpeg(image, SMALL_PX if layer == "small" else LONG_SIDE_PX)
    if layer == "map":
        image, score_map = (page.picture(part, view.camera, what) for what in ("image", "map"))
        if image is not None and score_map is not None and view.pixel_threshold is not None:
            return laid_over(image, score_map, view.pixel_threshold)
        drawn = page.picture(part, view.camera, "overlay")
        if drawn is not None:
            return read_jpeg(drawn, LONG_SIDE_PX)
    raise NotThereError("No such picture is kept.")


def _patches(page: Page, part: PartShown) -> Iterator[dict[str, Any]]:
    """Pairs of patches as pictures within the text; none where nobody can tell."""
    for view in part.views:
        path = page.picture(part, view.camera)
        if path is None or not view.regions or view.model is None:
            continue
        try:
            pairs = pairs_of(page.model_by(view.model), path)
        except BlemishError:
            continue  # the model does not tell, or is not there any more
        for pair in pairs:
            yield {"odd": _within(pair.odd), "good": _within(pair.good)}


def _within(pixels: Any) -> str | None:
    if pixels is None or 0 in pixels.shape:
        return None
    jpeg = encode_jpeg(pixels, long_side_px=PATCH_PX)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _time(text: str, zone: tzinfo | None) -> datetime | None:
    """A time as a browser's field has it; `None` for what is none."""
    try:
        local = datetime.fromisoformat(text)
        if local.tzinfo is None and zone is not None:
            local = local.replace(tzinfo=zone)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
