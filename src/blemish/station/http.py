"""The station over HTTP: how it is, switches and triggers, and what sources and the page add."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel, Field

from blemish.serving.answers import answers, problem
from blemish.serving.app import make_app
from blemish.serving.guard import needs
from blemish.serving.tokens import Role, Token, Tokens
from blemish.station.figures import add_figures
from blemish.station.page.mount import page_routers
from blemish.station.station import Station

LONGEST = 500  # characters of a name or id

Operator = Annotated[Token, Depends(needs(Role.OPERATOR))]


class Switch(BaseModel):
    """By which recipe to go on: its name, or a part that it is for.

    Attributes:
        recipe: its name.
        part: id or number of a part.
    """

    recipe: str | None = Field(None, max_length=LONGEST)
    part: str | None = Field(None, max_length=LONGEST)


class Trigger(BaseModel):
    """Of which part an image is to be taken.

    Attributes:
        part: its id.
    """

    part: str | None = Field(None, max_length=LONGEST)


def station_app(station: Station, tokens: Tokens | None) -> FastAPI:
    """The application of a station, which works as long as it is served."""

    @asynccontextmanager
    async def at_work(_: FastAPI) -> AsyncIterator[None]:
        async with station.running():
            yield

    app = make_app(
        station.models,
        tokens=tokens,
        secure=station.site.page.cert is not None,
        routers=[router, *station.routers, *page_routers(station)],
        lifespan=at_work,
        judging=False,
        title=f"blemish: {station.site.station.name}",
    )
    app.state.station = station
    add_figures(station, app.state.metrics.registry)
    return app


router = APIRouter(prefix="/v1/station", tags=["station"])


@router.get("", dependencies=[Depends(needs(Role.VIEWER))], responses=answers())
async def show(request: Request) -> dict[str, Any]:
    """How it is: cameras, outputs, queue, the parts of the shift, drift."""
    return _station(request).status()


@router.get("/alive", response_model=None, responses=answers(503))
async def alive(request: Request) -> Any:
    """Whether parts can be judged and recorded now; 503 where not.

    Strangers may ask, so it does not say why: the status does.
    """
    if _station(request).status()["trouble"] is None:
        return {"alive": True}
    return problem(request, 503, "Parts cannot be judged and recorded now; the status says why.")


@router.post("/recipe", responses=answers(400, 422))
async def switch(request: Request, who: Operator, wanted: Switch) -> dict[str, str]:
    """Go on by another recipe."""
    station = _station(request)
    if wanted.part is not None:
        await station.switch_for(wanted.part, who=who.name)
    else:
        await station.switch(wanted.recipe or "", who=who.name)
    return {"recipe": station.recipe.name}


@router.post("/cameras/{camera}/trigger", status_code=202, responses=answers(400, 422, 503))
async def trigger(
    request: Request, who: Operator, camera: str, wanted: Trigger | None = None
) -> dict[str, str]:
    """Have a camera take an image; its verdict comes as that of any part."""
    part = None if wanted is None else wanted.part
    await _station(request).trigger(camera, who=who.name, part=part)
    return {"camera": camera}


def _station(request: Request) -> Station:
    station: Station = request.app.state.station
    return station
