"""Who may: roles of routes, by a bearer token or by the session of a browser.

A session is a random cookie that scripts cannot read (`HttpOnly`) and that goes to no other site
(`SameSite=Strict`). What changes something asks besides for a second secret, in a header, that only
pages from here can know. Sessions end with the process, and with their token.

Without tokens everybody who reaches the service may do everything: `bind_error` then allows
addresses of this machine alone, and `is_host_here` refuses names that only lead to it (DNS
rebinding).
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Annotated

from fastapi import HTTPException, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from blemish.errors import UsageError
from blemish.serving.tokens import Role, Token, Tokens, hash_of

COOKIE, CSRF_HEADER = "blemish-session", "x-csrf-token"
SESSION_SECONDS = 12 * 3600.0
MOST_SESSIONS = 100  # of a token; its oldest go
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
ANYBODY = Token("anybody here", Role.ENGINEER, "0" * 64)
STRANGER = "Say who you are: Authorization: Bearer TOKEN, with a token that is known here."
CHALLENGE = {"WWW-Authenticate": "Bearer"}
LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})

_BEARER = HTTPBearer(auto_error=False, description="A token made by `blemish token`.")
_COOKIE = APIKeyCookie(name=COOKIE, auto_error=False, description="The session of a browser.")


@dataclass(frozen=True)
class Session:
    """A browser that has shown a token.

    Attributes:
        token_sha256: whose it is.
        csrf: what requests that change something bring along.
        until: by the clock that only goes forwards.
    """

    token_sha256: str
    csrf: str
    until: float


@dataclass
class Guard:
    """Knows who calls.

    Attributes:
        tokens: all that are known; `None` lets everybody in.
        secure: whether the service speaks TLS: its cookies then go nowhere else.
    """

    tokens: Tokens | None = None
    secure: bool = False
    _sessions: dict[str, Session] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def open(self, secret: str) -> tuple[str, Session] | None:
        """A session for whoever shows a token: its cookie, and itself; `None` for a wrong one."""
        token = ANYBODY if self.tokens is None else self.tokens.of(secret)
        if token is None:
            return None
        cookie = secrets.token_urlsafe(32)
        until = time.monotonic() + SESSION_SECONDS
        session = Session(token.sha256, secrets.token_urlsafe(32), until)
        with self._lock:
            self._make_room(token)
            self._sessions[hash_of(cookie)] = session
        return cookie, session

    def _make_room(self, token: Token) -> None:
        """Forget sessions that are over, and the oldest of whoever has too many."""
        now = time.monotonic()
        self._sessions = {key: one for key, one in self._sessions.items() if now < one.until}
        own = [key for key, one in self._sessions.items() if one.token_sha256 == token.sha256]
        for key in own[: max(0, len(own) - MOST_SESSIONS + 1)]:
            del self._sessions[key]

    def close(self, cookie: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(hash_of(cookie), None)

    def session_of(self, cookie: str) -> Session | None:
        """The session of a cookie, while it lasts."""
        with self._lock:
            session = self._sessions.get(hash_of(cookie))
        return session if session is not None and time.monotonic() < session.until else None

    def still(self, token: Token) -> bool:
        """Whether a token is known as it was: for what goes on long after it was shown."""
        return self.tokens is None or self.tokens.of_hash(token.sha256) == token

    def caller_of(self, request: Request, method: str) -> Token | None:
        """Who sends a request; `None` for strangers. Raises as `token_of` does, by the method."""
        scheme, secret = get_authorization_scheme_param(request.headers.get("authorization"))
        bearer = secret if secret and scheme.lower() == "bearer" else None
        csrf = request.headers.get(CSRF_HEADER)
        return self.token_of(bearer, request.cookies.get(COOKIE), method, csrf)

    def token_of(
        self, bearer: str | None, cookie: str | None, method: str, csrf: str | None
    ) -> Token | None:
        """Who calls; `None` for strangers.

        Raises:
            HTTPException: a browser's request changes something without its second secret.
        """
        if self.tokens is None:
            return ANYBODY
        if bearer is not None:
            return self.tokens.of(bearer)
        session = None if cookie is None else self.session_of(cookie)
        token = None if session is None else self.tokens.of_hash(session.token_sha256)
        if session is None or token is None:
            return None
        if method not in SAFE_METHODS and not hmac.compare_digest(
            session.csrf.encode(), (csrf or "").encode()
        ):
            raise HTTPException(
                403, f"The header {CSRF_HEADER} of the session is missing or wrong."
            )
        return token


def needs(role: Role) -> Callable[..., Awaitable[Token]]:
    """What a route depends on, so that only a role and those above it get there.

    The dependency gives the `Token`: `who: Annotated[Token, Depends(needs(Role.OPERATOR))]`. The
    app has the `Guard` in `state.guard`.
    """

    async def allowed(
        request: Request,
        _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
        _cookie: Annotated[str | None, Security(_COOKIE)],  # both for the description
    ) -> Token:
        guard: Guard = request.app.state.guard
        token = guard.caller_of(request, request.method)
        if token is None:
            raise HTTPException(401, STRANGER, CHALLENGE)
        if not token.role.may(role):
            raise HTTPException(403, f"This takes the role {role}; '{token.name}' is {token.role}.")
        return token

    return allowed


def bind_error(host: str, tokens: Tokens | None) -> UsageError | None:
    """Why a service must not be bound to an address; `None` where it may."""
    if tokens is not None or is_loopback(host):
        return None
    return UsageError(
        f"'{host}' is reached by other machines, and without tokens everybody there may do "
        "everything. Make one (`blemish token tokens.toml NAME --role operator`) and name the file "
        "(tokens='tokens.toml'), or serve this machine alone (host='127.0.0.1')."
    )


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own alone."""
    if host.lower() in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_host_here(header: str) -> bool:
    """Whether a `Host` header names this machine by a name that is its own."""
    host = header.rsplit(":", 1)[0] if not header.endswith("]") else header
    return is_loopback(host)
