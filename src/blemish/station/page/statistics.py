"""Figures of a shift: rejects with exact limits, chart, zones, where regions lie; and as a PDF."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from blemish.errors import UsageError
from blemish.station.page.access import Answers, Role, Visitor, visits
from blemish.station.page.charts import heat_map_svg
from blemish.station.page.page import Page
from blemish.station.page.shift import chart_shown, step_of
from blemish.station.statistics.p_chart import p_chart
from blemish.station.statistics.regions import pareto, region_heat_map
from blemish.station.statistics.report import shift_report
from blemish.station.statistics.shifts import shift_figures, shifts_of

SHIFTS = 22  # to choose from: a week
MOST_ZONES = 10

Viewer = Annotated[Visitor, Depends(visits(Role.VIEWER))]
Start = Annotated[str, Query(max_length=40)]


def routes(page: Page) -> APIRouter:
    """The view, and the page to print."""
    router = APIRouter(route_class=Answers, include_in_schema=False)
    ledger, site = page.station.ledger, page.station.site

    @router.get("/statistics")
    def statistics(request: Request, visitor: Viewer, shift: Start = "") -> HTMLResponse:
        since, until = _shift(page, shift)
        t = page.texts(request)
        shifts = shifts_of(site.shifts.starts, site.shifts.timezone, datetime.now(UTC), SHIFTS)
        bars = pareto(ledger, since, until)
        return page.show(
            request,
            visitor,
            "statistics",
            since=since,
            until=until,
            shifts=[start for start, _ in shifts],
            figures=shift_figures(ledger, since, until),
            chart=chart_shown(p_chart(ledger, since, until, step=step_of(since, until)), t),
            zones=bars[:MOST_ZONES] if any(bar.zone for bar in bars) else [],
            heat=_heat(page, since, until, t("statistics.heat")),
        )

    @router.get("/statistics/report.pdf")
    def report(_: Viewer, shift: Start = "") -> Response:
        since, until = _shift(page, shift)
        name, zone = site.station.name, site.shifts.zone
        content = shift_report(ledger, since, until, station=name, zone=zone)
        shown = f'inline; filename="shift-{since.astimezone(zone):%Y-%m-%d-%H%M}.pdf"'
        headers = {"Content-Disposition": shown}
        return Response(content, media_type="application/pdf", headers=headers)

    return router


def _shift(page: Page, start: str) -> tuple[datetime, datetime]:
    """The shift that a time is in; that of now where none is named."""
    shifts, when = page.station.site.shifts, datetime.now(UTC)
    try:
        when = datetime.fromisoformat(start).astimezone(UTC) if start else when
        return shifts.start_of(when), shifts.end_of(when)
    except (ValueError, OverflowError):
        raise UsageError(f"'{start}' is no time as 2026-01-31T06:00:00+01:00.") from None


def _heat(page: Page, since: datetime, until: datetime, title: str) -> Any:
    found = region_heat_map(page.station.ledger, since, until)
    if found is None:
        return None
    return Markup(heat_map_svg(found, title=title))
