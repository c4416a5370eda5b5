"""Sessions of browsers: a token is shown once, and a cookie stands for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import BaseModel, Field

from blemish.serving.answers import answers
from blemish.serving.guard import COOKIE, SESSION_SECONDS, Guard, needs
from blemish.serving.tokens import Role, Token

router = APIRouter(tags=["session"])


class Shown(BaseModel):
    """What a browser shows to come in."""

    token: str = Field(max_length=1000)


class Known(BaseModel):
    """Who somebody is here.

    Attributes:
        name, role: of the token.
        csrf: what the browser's requests that change something must bring in `x-csrf-token`.
        open: whether the service knows no tokens: everybody who reaches it is an engineer.
    """

    name: str
    role: Role
    csrf: str | None = None
    open: bool = False


@router.post("/v1/session", responses=answers(422))
async def log_in(shown: Shown, request: Request, response: Response) -> Known:
    """Begin a session: sets its cookie."""
    guard: Guard = request.app.state.guard
    begun = guard.open(shown.token)
    if begun is None:
        raise HTTPException(401, "Nobody here has that token.", {"WWW-Authenticate": "Bearer"})
    cookie, session = begun
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(SESSION_SECONDS),
        httponly=True,
        samesite="strict",
        secure=guard.secure,
    )
    token = guard.token_of(None, cookie, "GET", None)
    if token is None:  # it was taken out of the file just now
        raise HTTPException(401, "Nobody here has that token.", {"WWW-Authenticate": "Bearer"})
    return Known(name=token.name, role=token.role, csrf=session.csrf, open=guard.tokens is None)


@router.get("/v1/session", responses=answers())
async def who(request: Request, token: Annotated[Token, Depends(needs(Role.VIEWER))]) -> Known:
    """Who calls."""
    guard: Guard = request.app.state.guard
    session = guard.session_of(request.cookies.get(COOKIE, ""))
    csrf = None if session is None else session.csrf
    return Known(name=token.name, role=token.role, csrf=csrf, open=guard.tokens is None)


@router.delete("/v1/session", status_code=204, responses=answers())
async def log_out(request: Request, _: Annotated[Token, Depends(needs(Role.VIEWER))]) -> Response:
    """End the session of this browser."""
    guard: Guard = request.app.state.guard
    guard.close(request.cookies.get(COOKIE, ""))
    response = Response(status_code=204)
    response.delete_cookie(COOKIE)
    return response
