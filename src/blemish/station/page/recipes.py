"""Recipes: which runs, and the switch to another."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import HTMLResponse

from blemish.station.page.access import Answers, Role, Visitor, visits
from blemish.station.page.page import Page

Viewer = Annotated[Visitor, Depends(visits(Role.VIEWER))]
Operator = Annotated[Visitor, Depends(visits(Role.OPERATOR))]


def routes(page: Page) -> APIRouter:
    """The list, and the switch."""
    router = APIRouter(route_class=Answers, include_in_schema=False)

    @router.get("/recipes")
    def recipes(request: Request, visitor: Viewer) -> HTMLResponse:
        return page.show(
            request,
            visitor,
            "recipes",
            recipes=list(page.station.site.recipes.values()),
            current=page.station.status()["recipe"],
        )

    @router.post("/recipes/switch")
    async def switch(
        visitor: Operator, recipe: Annotated[str, Body(embed=True, max_length=200)]
    ) -> dict[str, Any]:
        await page.station.switch(recipe, who=visitor.name)
        return {}

    return router
