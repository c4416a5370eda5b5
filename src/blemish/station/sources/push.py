"""Images by HTTP, at `/v1/station/cameras/NAME/images`, answered once it stands in the record.

Who got no answer sends the same again with the same key: it is judged once, and the answer is that
of the first time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response
from starlette.responses import JSONResponse

from blemish.errors import BlemishError, UsageError
from blemish.serving.answers import answers, problem
from blemish.serving.bodies import NAME_CHARACTERS, image_of, place_for
from blemish.serving.guard import needs
from blemish.serving.tokens import Role
from blemish.serving.waiting import BusyError
from blemish.station.contracts import Frame, Health
from blemish.station.judging import image_sha256
from blemish.station.tables import Table

if TYPE_CHECKING:
    from blemish.ledger.entry import Row
    from blemish.station.contracts import Context

LONGEST = 200  # characters of a key or a part's id
_FILE = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "content": {
        "application/octet-stream": {"schema": _FILE},
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"image": _FILE}, "required": ["image"]}
        },
    },
}


class PushSettings(Table, frozen=True):
    """There is nothing to set: the camera's name is in the address."""


class Push:
    """A camera whose images somebody sends.

    Args:
        name: of the camera.
        settings: none.
        context: whose station judges, and whose interface gets the route.
    """

    Settings = PushSettings
    takes_triggers = False

    def __init__(self, name: str, settings: PushSettings, context: Context) -> None:
        del settings
        self.name = name
        self.health = Health(ready=True, told=f"waits for POST /v1/station/cameras/{name}/images")
        self._station = context.station
        self._add_route(context.routers)

    async def trigger(self, part: str | None = None) -> None:
        """Images come by themselves. Raises `UsageError`."""
        del part
        raise UsageError(f"Camera '{self.name}' is sent its images; it takes no trigger.")

    def frames(self) -> AsyncIterator[Frame]:
        """None: each is handed to the station by its request."""
        return no_frames(asyncio.Event().wait())

    def _add_route(self, routers: list[APIRouter]) -> None:
        router = APIRouter(tags=["station"], dependencies=[Depends(needs(Role.OPERATOR))])

        @router.post(
            f"/v1/station/cameras/{self.name}/images",
            responses=answers(400, 408, 413, 415, 422, 503),
            openapi_extra={"requestBody": _BODY},
        )
        async def push(
            request: Request,
            part: Annotated[
                str | None, Query(max_length=LONGEST, description="The part's id.")
            ] = None,
            name: Annotated[
                str | None, Query(max_length=NAME_CHARACTERS, description="Of the image.")
            ] = None,
            idempotency_key: Annotated[str | None, Header(max_length=LONGEST)] = None,
        ) -> Response:
            """Judge an image of a part: its bytes are the body, or the part `image` of a form."""
            async with place_for(request):
                content, called = await image_of(request)
                frame = Frame(
                    self.name,
                    datetime.now(UTC),
                    content=content,
                    name=name or called,
                    part=part,
                    key=None if idempotency_key is None else f"{self.name}/{idempotency_key}",
                )
                return await self._answer(request, frame)

        routers.append(router)

    async def _answer(self, request: Request, frame: Frame) -> Response:
        """The row, as JSON; 503 where nothing stands in the record, and it may be sent again."""
        self.health.count("frames")
        try:
            row = await self._station.submit(frame)
        except (BusyError, UsageError):
            self.health.count("refused")
            raise
        except BlemishError as error:
            self.health.count("refused")
            return problem(request, 503, str(error))
        if not _shows(row, frame):
            raise HTTPException(
                422,
                "This Idempotency-Key came with another image or part before; give each its own.",
            )
        return JSONResponse(told_of(row))


def told_of(row: Row) -> dict[str, Any]:
    """An inspection and its place in the record, as plain JSON values."""
    return {"number": row.number, "sha256": row.sha256, "new": row.new, **row.entry.body}


async def no_frames(work: Awaitable[object]) -> AsyncIterator[Frame]:
    """What a source gives that has something to do but no frames."""
    await work
    none: list[Frame] = []
    for frame in none:
        yield frame


def _shows(row: Row, frame: Frame) -> bool:
    """Whether a row is of this image, and of this part."""
    if frame.part is not None and frame.part != row.entry.part:
        return False
    views = row.entry.body.get("views", [])
    return any(
        view["camera"] == frame.camera and view["image_sha256"] in (None, image_sha256(frame))
        for view in views
    )
