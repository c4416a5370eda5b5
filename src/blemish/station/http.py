"""The station over HTTP: how it is, switches and triggers, and what sources and the page add."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field

from blemish.serving.answers import answers, problem
from blemish.serving.app import make_app
from blemish.serving.guard import needs
from blemish.serving.tokens import Role, Token, Tokens
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
    app.state.metrics.registry.register(_Figures(station))
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


class _Figures(Collector):
    """What Prometheus is told of a station, looked at when it asks."""

    def __init__(self, station: Station) -> None:
        self._station = station

    def collect(self) -> Iterator[Metric]:
        status = self._station.status()
        queue, record = status["queue"], status["record"]
        for name, told, value in (
            ("alive", "Whether parts can be judged and recorded.", status["alive"]),
            ("queue", "Images that wait or are being judged.", queue["waiting"]),
            ("queue_most", "Of these, at most.", queue["most"]),
            ("refused", "Images that found no room since the start.", queue["refused"]),
            ("record_rows", "Rows of the record.", record["rows"]),
            ("record_lost", "Inspections that could not be recorded.", record["lost"]),
        ):
            yield GaugeMetricFamily(f"blemish_station_{name}", told, value=float(value))
        yield _family("parts", "Parts of the shift.", "verdict", status["shift"]["verdicts"])
        evidence = {
            camera: told["evidence"]["parts_a_chance"] for camera, told in status["drift"].items()
        }
        yield _family("drift", "Good parts among which chance shows as much.", "camera", evidence)
        for kind in ("cameras", "outputs"):
            yield from _of_parts(kind, status[kind])
        backlog = {name: one["waiting"] for name, one in status["outputs"].items()}
        yield _family("outputs_waiting", "What an output was not given yet.", "name", backlog)

    def describe(self) -> list[Metric]:
        return []


def _of_parts(kind: str, parts: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    """Whether cameras or outputs are ready, and what they count."""
    ready = {name: one["ready"] for name, one in parts.items()}
    yield _family(f"{kind}_ready", f"Whether {kind} work.", "name", ready)
    counts = GaugeMetricFamily(
        f"blemish_station_{kind}_count", "What they count.", labels=["name", "what"]
    )
    for name, one in parts.items():
        for what, count in one["counts"].items():
            counts.add_metric([name, what], float(count))
    yield counts


def _family(name: str, told: str, label: str, values: dict[str, Any]) -> Metric:
    family = GaugeMetricFamily(f"blemish_station_{name}", told, labels=[label])
    for value, number in values.items():
        family.add_metric([value], float(number))
    return family
