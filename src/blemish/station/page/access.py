"""Who looks at the page, and what a role may do there; how refusals and errors look.

A browser without a session is led to the page where it can sign in. What changes something always
needs the header that only pages from here send, also where the service knows no tokens.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from blemish.errors import UsageError
from blemish.serving.guard import COOKIE, CSRF_HEADER, SAFE_METHODS, Guard, needs
from blemish.serving.tokens import Role, Token

__all__ = ["TEXT", "Answers", "NotThereError", "Role", "Visitor", "visits"]

TEXT = r"^[^\x00]*$"  # what people write is kept, and no database keeps a zero in a text


class NotThereError(UsageError):
    """There is no such part, picture or camera."""


@dataclass(frozen=True)
class Visitor:
    """Who looks.

    Attributes:
        name, role: of the token.
        csrf: what the page sends along with what changes something.
        signed_in: whether there is a session that can be ended.
    """

    name: str
    role: Role
    csrf: str
    signed_in: bool

    def may(self, role: Role) -> bool:
        """Whether this visitor may do what a role may."""
        return self.role.may(role)


def visits(role: Role) -> Callable[..., Awaitable[Visitor]]:
    """What a route depends on: gives the `Visitor`, who has the role or one above it."""
    allowed = needs(role)

    async def visitor(request: Request, token: Token = Depends(allowed)) -> Visitor:  # noqa: B008
        guard: Guard = request.app.state.guard
        session = guard.session_of(request.cookies.get(COOKIE, ""))
        by_browser = "authorization" not in request.headers
        if by_browser and request.method not in SAFE_METHODS and CSRF_HEADER not in request.headers:
            raise HTTPException(403, f"The header {CSRF_HEADER} is missing.")
        csrf = "here" if session is None else session.csrf
        return Visitor(token.name, token.role, csrf, session is not None)

    return visitor


class Answers(APIRoute):
    """A route that leads strangers to sign in, and says 404 of what is not there."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with both; other errors the application tells."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except NotThereError as error:
                raise HTTPException(404, str(error)) from error
            except HTTPException as error:
                wants_page = "text/html" in request.headers.get("accept", "")
                if error.status_code == 401 and request.method == "GET" and wants_page:
                    return RedirectResponse("/sign-in", 303)
                raise

        return answer
