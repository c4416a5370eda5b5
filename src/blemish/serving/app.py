"""The application: routes, what guards them, and what they share.

`make_app` is what `blemish serve` serves. Others add their routers to it: the same guard, limits,
metrics and end are theirs. In `app.state` are `models`, `waiting`, `metrics`, `guard`, `drift`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response

from blemish.serving import administration, description, inspection, protocol, sessions
from blemish.serving.answers import add_answers, answers, problem
from blemish.serving.drift import Drift
from blemish.serving.guard import Guard, needs
from blemish.serving.metrics import CONTENT_TYPE, Metrics
from blemish.serving.models import Models
from blemish.serving.shield import Shield
from blemish.serving.tokens import Role, Tokens
from blemish.serving.waiting import Waiting

MEGABYTE = 1 << 20
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Limits:
    """What requests may cost.

    Attributes:
        most_bytes: of a body with an image; all others are small.
        body_seconds: in which it must have come.
        seconds: to be judged, with waiting.
        places: requests that may wait or be judged at a time.
        threads: that judge; by default one a core.
    """

    most_bytes: int = 64 * MEGABYTE
    body_seconds: float = 30.0
    seconds: float = 30.0
    places: int = 64
    threads: int | None = None


def make_app(
    models: Models,
    *,
    tokens: Tokens | None = None,
    limits: Limits = Limits(),
    secure: bool = False,
    routers: Sequence[APIRouter] = (),
    lifespan: Lifespan | None = None,
    judging: bool = True,
    drift: Drift | None = None,
    title: str = "blemish",
) -> FastAPI:
    """An application that judges images by models.

    Args:
        models: that judge; more may come later.
        tokens: who may do what; without, everybody who asks by a name of this machine may do all.
        limits: what requests may cost.
        secure: whether it is served over TLS.
        routers: of others; routes that need a role say so by `needs`.
        lifespan: what goes on while it serves.
        judging: whether images that are posted are judged, and models exchanged, by routes of its
            own; a station does both by its record.
        drift: watches what is judged by those routes.
        title: of its description.
    """
    waiting = Waiting(places=limits.places, threads=limits.threads, seconds=limits.seconds)

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        try:
            if lifespan is None:
                yield
            else:
                async with lifespan(app):
                    yield
        finally:
            waiting.close()
            if drift is not None:
                drift.save()

    app = FastAPI(
        title=title,
        version=metadata.version("blemish"),
        lifespan=living,
        docs_url=None,
        redoc_url=None,
    )
    app.state.models, app.state.waiting = models, waiting
    app.state.guard = Guard(tokens, secure=secure)
    app.state.metrics, app.state.drift = Metrics(models, waiting), drift
    if drift is not None:
        app.state.metrics.registry.register(drift)
    add_answers(app)
    app.add_middleware(
        Shield,
        guard=app.state.guard,
        most_bytes=limits.most_bytes,
        body_seconds=limits.body_seconds,
        here_only=tokens is None,
    )
    judges = (administration.router, inspection.router, protocol.router) if judging else ()
    for router in (health, description.router, sessions.router, *judges, *routers):
        app.include_router(router)
    return app


health = APIRouter(tags=["health"])


@health.get("/healthz", responses={503: answers(503)[503]})
async def ready(request: Request) -> Any:
    """Whether images are judged: 503 once the service is about to end."""
    if request.app.state.waiting.draining:
        return problem(request, 503, "The service is about to end.")
    return {"ready": True}


@health.get(
    "/metrics",
    dependencies=[Depends(needs(Role.VIEWER))],
    response_class=Response,
    responses=answers() | {200: {"content": {"text/plain": {}}}},
)
async def metrics(request: Request) -> Response:
    """Counts and times, as Prometheus reads them."""
    return Response(request.app.state.metrics.to_text(), media_type=CONTENT_TYPE)
