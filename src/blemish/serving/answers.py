"""Errors as answers: one sentence under `error`, with the status that says whose fault it is."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from blemish.errors import BlemishError, ImageError
from blemish.names import all_shown
from blemish.serving.models import UnknownModelError
from blemish.serving.waiting import AGAIN_SECONDS, BusyError, TooSlowError

STATUS: dict[type[BlemishError], int] = {
    UnknownModelError: 404,
    ImageError: 422,
    BusyError: 503,
    TooSlowError: 504,
}


class Problem(BaseModel):
    """Why a request was refused.

    Attributes:
        error: what was wrong, what is allowed, what to do next.
    """

    error: str


MEANINGS = {
    400: "The request is wrong.",
    401: "Nobody known is calling.",
    403: "The caller's role is not enough.",
    404: "There is no such model or page.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "The body is encoded.",
    421: "The service is called by a name that is not its own.",
    422: "The request or its image cannot be taken.",
    503: "All places are taken, or the service is about to end; see Retry-After.",
    504: "Judging took too long.",
}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for its description; those of every route are among them."""
    return {
        status: {"model": Problem, "description": MEANINGS[status]}
        for status in sorted({401, 403, 421, *statuses})
    }


def problem(request: Request, status: int, why: str, **headers: str) -> JSONResponse:
    """An answer that says why, counted."""
    request.app.state.metrics.refused(status)
    if status == 503:
        headers["Retry-After"] = str(AGAIN_SECONDS)
    return JSONResponse(all_shown({"error": why}), status, headers)


def status_of(error: BlemishError) -> int:
    """What an error of the library is over HTTP."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 400)


def add_answers(app: FastAPI) -> None:
    """Let an application answer errors so."""

    @app.exception_handler(BlemishError)
    async def of_ours(request: Request, error: BlemishError) -> JSONResponse:
        return problem(request, status_of(error), str(error))

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> JSONResponse:
        return problem(request, error.status_code, str(error.detail), **(error.headers or {}))

    @app.exception_handler(ClientDisconnect)
    async def of_gone(request: Request, _: ClientDisconnect) -> JSONResponse:
        return problem(request, 400, "The connection ended before the body did.")

    @app.exception_handler(RequestValidationError)
    async def of_request(request: Request, error: RequestValidationError) -> JSONResponse:
        sentences = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}." for one in error.errors()]
        return problem(request, 422, " ".join(sentences))

    @app.exception_handler(Exception)
    async def of_others(request: Request, _: Exception) -> JSONResponse:
        return problem(request, 500, "Something went wrong here; the log of the service says what.")
