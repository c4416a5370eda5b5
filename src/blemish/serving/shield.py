"""What every request passes first: who it is for, where it comes from, how large and slow it is.

Large bodies are for addresses that take images, and only from who is known: the token is asked for
before a byte is read. All other bodies are small, for they are parsed in the event loop.

And every answer takes headers along by which a browser runs nothing but what comes from here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blemish.serving.guard import CHALLENGE, SAFE_METHODS, STRANGER, Guard, is_host_here

IMAGES_END = ("/inspect", "/infer", "/images")  # addresses that take images, and no others
SMALL_BYTES = 64 << 10  # of any other body
LONGEST_LENGTH = 19  # digits

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data: blob:; media-src 'self'; font-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Shield:
    """An ASGI application around another.

    Attributes:
        app: the other.
        guard: knows who calls.
        most_bytes: of a body with an image.
        body_seconds: in which a body must have come.
        here_only: whether names that are not this machine's own are refused.
    """

    app: ASGIApp
    guard: Guard
    most_bytes: int
    body_seconds: float
    here_only: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        takes_image = scope["path"].endswith(IMAGES_END)
        most_bytes = self.most_bytes if takes_image else min(SMALL_BYTES, self.most_bytes)
        refused = self._refusal(Request(scope), most_bytes)
        if refused is None and takes_image and not self._knows(Request(scope)):
            refused = _refused(401, STRANGER, CHALLENGE)
        if refused is not None:
            await refused(scope, receive, send_with_headers)
            return
        await self.app(scope, self._bounded(receive, most_bytes), send_with_headers)

    def _knows(self, request: Request) -> bool:
        """Whether somebody known calls; what they may do is asked by the route."""
        return self.guard.caller_of(request, "GET") is not None

    def _refusal(self, request: Request, most_bytes: int) -> JSONResponse | None:
        """Why a request goes no further."""
        method, headers = request.method, request.headers
        host = headers.get("host", "")
        if self.here_only and not is_host_here(host):
            return _refused(421, "This service is for its own machine: ask 127.0.0.1.")
        if method not in SAFE_METHODS and not _same_origin(headers, host):
            return _refused(403, "Pages of other sites may not change anything here.")
        if {one.lower() for one in headers.getlist("content-encoding")} - {"identity"}:
            return _refused(415, "Send the body as it is, without Content-Encoding.")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > LONGEST_LENGTH or int(length) > most_bytes:
            return _refused(413, _too_large(most_bytes))
        return None

    def _bounded(self, receive: Receive, most_bytes: int) -> Receive:
        """What gives the body, as long as it is neither too large nor too slow."""
        taken, over = 0, False
        end = asyncio.get_running_loop().time() + self.body_seconds

        async def bounded() -> Message:
            nonlocal taken, over
            if over:
                return await receive()
            try:
                async with asyncio.timeout_at(end):
                    message = await receive()
            except TimeoutError:
                seconds = f"{self.body_seconds:g}"
                why = f"The body did not come within {seconds} seconds."
                raise HTTPException(408, why, {"Connection": "close"}) from None
            taken += len(message.get("body", b""))
            over = not message.get("more_body", False)
            if taken > most_bytes:
                raise HTTPException(413, _too_large(most_bytes), {"Connection": "close"})
            return message

        return bounded


def _same_origin(headers: Headers, host: str) -> bool:
    """Whether a request comes from no browser, or from a page of this service."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in {"none", "same-origin"}
    try:
        return urlsplit(origin).netloc == host
    except ValueError:  # no address at all
        return False


def _too_large(most_bytes: int) -> str:
    return f"The body must have at most {most_bytes:,} bytes."


def _refused(status: int, why: str, headers: Mapping[str, str] = {}) -> JSONResponse:
    """An answer before the body was read, so the connection ends with it."""
    return JSONResponse({"error": why}, status, {"Connection": "close", **headers})
