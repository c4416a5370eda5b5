"""Triggers by HTTP: `POST /v1/trigger/CAMERA` has a camera take an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Path, Query

from blemish.serving.answers import answers
from blemish.serving.guard import needs
from blemish.serving.tokens import Role, Token

if TYPE_CHECKING:
    from blemish.station.contracts import Control

LONGEST = 200  # characters of a part's id


def trigger_router(station: Control) -> APIRouter:
    """The route, for the station's interface."""
    router = APIRouter(tags=["station"])

    @router.post("/v1/trigger/{camera}", status_code=202, responses=answers(400, 422, 503))
    async def trigger(
        who: Annotated[Token, Depends(needs(Role.OPERATOR))],
        camera: Annotated[str, Path(max_length=LONGEST)],
        part: Annotated[str | None, Query(max_length=LONGEST, description="Its id.")] = None,
    ) -> dict[str, str]:
        """Take an image; the answer does not wait for it."""
        await station.trigger(camera, who=who.name, part=part)
        return {"camera": camera}

    return router
