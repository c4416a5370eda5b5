"""Golden samples, checked from the page: whether this machine gives the scores that it gave."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import HTMLResponse

from blemish.errors import BlemishError, UsageError
from blemish.predictions.golden import verify_golden
from blemish.station.page.access import Answers, Role, Visitor, visits
from blemish.station.page.page import Page

Viewer = Annotated[Visitor, Depends(visits(Role.VIEWER))]
Operator = Annotated[Visitor, Depends(visits(Role.OPERATOR))]


@dataclass(frozen=True)
class _Checked:
    time: datetime
    who: str
    report: dict[str, Any] | None = None
    error: str | None = None


def routes(page: Page) -> APIRouter:
    """The view, and the check."""
    router = APIRouter(route_class=Answers, include_in_schema=False)
    checked: dict[str, _Checked] = {}

    @router.get("/golden")
    def golden(request: Request, visitor: Viewer) -> HTMLResponse:
        return page.show(request, visitor, "golden", checks=list(_checks(page, checked)))

    @router.post("/golden/check")
    async def check(
        visitor: Operator, recipe: Annotated[str, Body(embed=True, max_length=200)]
    ) -> dict[str, Any]:
        known = page.station.site.recipes.get(recipe)
        if known is None or known.golden is None:
            raise UsageError(f"Recipe '{recipe}' names no folder of golden images.")
        model = page.station.models.get(known.models[0].removesuffix(".onnx")).model
        body: dict[str, Any] = {"recipe": recipe, "model": model.sha256}
        try:
            report = await asyncio.to_thread(verify_golden, model, known.golden)
            found = _Checked(datetime.now(UTC), visitor.name, report.to_dict())
            body |= {"ok": report.ok, "largest": list(report.largest)}
        except BlemishError as error:
            found = _Checked(datetime.now(UTC), visitor.name, None, str(error))
            body |= {"ok": False, "error": str(error)}
        checked[recipe] = found
        await page.record("golden", visitor, body)
        return {}

    return router


def _checks(page: Page, checked: dict[str, _Checked]) -> Any:
    for name, recipe in page.station.site.recipes.items():
        file = recipe.models[0].removesuffix(".onnx")
        try:
            kept = len(page.station.models.get(file).model.facts.golden)
        except UsageError:
            kept = 0  # it is not warm yet
        last = checked.get(name)
        yield {
            "recipe": name,
            "model": file,
            "kept": kept,
            "folder": recipe.golden,
            "report": last and last.report,
            "error": last and last.error,
            "time": last and last.time,
            "who": last and last.who,
        }
