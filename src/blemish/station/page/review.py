"""A person's word on parts that were sorted out: confirmed or overruled, with a comment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import HTMLResponse

from blemish.ledger.entry import Kind, Row
from blemish.ledger.query import Query
from blemish.station.inspection import Outcome
from blemish.station.page.access import TEXT, Answers, Role, Visitor, visits
from blemish.station.page.page import Page
from blemish.station.page.shown import PartShown

if TYPE_CHECKING:
    from blemish.ledger.ledger import Ledger

SORTED_OUT = (Outcome.DEFECT, Outcome.NOT_INSPECTABLE)
LOOKED_AT = 200  # newest parts that were sorted out, among which those without a word are
SHOWN = 60

Viewer = Annotated[Visitor, Depends(visits(Role.VIEWER))]
Operator = Annotated[Visitor, Depends(visits(Role.OPERATOR))]


def routes(page: Page) -> APIRouter:
    """The queue, and what is said."""
    router = APIRouter(route_class=Answers, include_in_schema=False)

    @router.get("/review")
    def review(request: Request, visitor: Viewer) -> HTMLResponse:
        waiting = [PartShown.of(row) for row in waiting_rows(page.station.ledger)]
        return page.show(
            request, visitor, "review", waiting=waiting[:SHOWN], count=len(waiting), most=LOOKED_AT
        )

    @router.post("/parts/{number}/review")
    async def say(
        number: int,
        visitor: Operator,
        word: Annotated[Literal["confirmed", "overruled"], Body()],
        comment: Annotated[str, Body(max_length=2000, pattern=TEXT)] = "",
    ) -> dict[str, Any]:
        page.inspection_row(number)
        await page.station.review(number, word=word, comment=comment.strip(), who=visitor.name)
        return {"next": f"/parts/{number}"}

    return router


def waiting_rows(ledger: Ledger) -> list[Row]:
    """Parts that were sorted out of late and have no word yet, newest first."""
    rows = ledger.rows(Query(kinds=[Kind.INSPECTION], verdicts=SORTED_OUT), most=LOOKED_AT)
    if not rows:
        return []
    reviews = ledger.rows(
        Query(kinds=[Kind.REVIEW], since=rows[-1].entry.time), most=10 * LOOKED_AT
    )
    spoken = {review.entry.refers_to for review in reviews}
    return [row for row in rows if row.number not in spoken]


def next_waiting(ledger: Ledger, number: int) -> int | None:
    """The part to look at after another: the next older one, or else the newest."""
    others = [row.number for row in waiting_rows(ledger) if row.number != number]
    older = [other for other in others if other < number]
    return older[0] if older else others[0] if others else None


def words_on(ledger: Ledger, number: int) -> Sequence[Row]:
    """What people said of a part and did because of it, newest first."""
    return ledger.rows(Query(kinds=[Kind.REVIEW, Kind.ACT], refers_to=number), most=50)
