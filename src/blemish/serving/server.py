"""The server: an address, TLS, and an end without loss.

At SIGTERM (or Ctrl-C) the service says that it is not ready, refuses what is new with 503, ends
what it has begun, and then ends itself. A second signal ends it at once.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from blemish.errors import BlemishError, UsageError
from blemish.serving.guard import bind_error
from blemish.serving.tokens import Tokens
from blemish.serving.waiting import Waiting

HEAD_SECONDS = 10.0  # in which the head of a request must have come
MOST_CONNECTIONS = 1000
STREAM_SECONDS = 2  # that open streams have, once all images are judged
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {"uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False}},
}


@dataclass(frozen=True)
class Address:
    """Where a service is reached.

    Attributes:
        host: of this machine; by default no other reaches it.
        port: 0 lets the system choose.
        cert, key: PEM files for TLS; `key` may be in `cert`.

    Raises:
        UsageError: a key without its certificate, or a file that is not there.
    """

    host: str = "127.0.0.1"
    port: int = 0
    cert: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if self.key is not None and self.cert is None:
            raise UsageError("'key' needs its certificate, 'cert'.")
        for path in (self.cert, self.key):
            if path is not None and not path.is_file():
                raise UsageError(f"'{path}' is no file; a PEM file is needed for TLS.")

    @property
    def secure(self) -> bool:
        """Whether it speaks TLS."""
        return self.cert is not None

    def url(self, port: int) -> str:
        """What to ask."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{port}"


def serve(
    app: FastAPI,
    address: Address,
    *,
    tokens: Tokens | None,
    ready: Callable[[str], None],
    end_seconds: float = 30.0,
) -> bool:
    """Serve until a signal comes.

    Args:
        app: of `make_app`.
        address: where.
        tokens: that the application asks for.
        ready: called with the address once it answers.
        end_seconds: that what has begun may take at the end.

    Returns:
        Whether all that was begun came to its end.

    Raises:
        UsageError: the address is reached by others, and there are no tokens.
        BlemishError: the address cannot be had, or the certificate is none.
    """
    error = bind_error(address.host, tokens)
    if error is not None:
        raise error
    server = Server(app, address, ready=ready, end_seconds=end_seconds)
    server.run()
    return server.clean


class Server(uvicorn.Server):
    """One that drains before it ends.

    Args:
        app: of `make_app`.
        address: where.
        ready: called with the address once it answers.
        end_seconds: that what has begun may take at the end.

    Attributes:
        clean: whether all that was begun came to its end.

    Raises:
        BlemishError: the address cannot be had, or the certificate is none.
    """

    def __init__(
        self,
        app: FastAPI,
        address: Address,
        *,
        ready: Callable[[str], None],
        end_seconds: float = 30.0,
    ) -> None:
        super().__init__(_config(app, address))
        self.clean = True
        self._listening = _listening(self.config)
        self._url = address.url(self._listening.getsockname()[1])
        self._waiting: Waiting = app.state.waiting
        self._end_seconds, self._ready = end_seconds, ready
        self._draining: asyncio.Task[None] | None = None

    async def serve(self, sockets: Any = None) -> None:
        """Serve until the end; in the event loop that is there."""
        await super().serve(sockets or [self._listening])

    def end(self) -> None:
        """Refuse what is new, end what has begun, and then end; from any thread."""
        self._waiting.draining = True

    async def startup(self, sockets: Any = None) -> None:
        """Listen, and tell of it."""
        await super().startup(sockets)
        if self.started:
            self._ready(self._url)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """A signal: the second ends it at once."""
        if self._waiting.draining:
            self.clean = not self._waiting.taken
            self.should_exit = self.force_exit = True
        self.end()

    async def on_tick(self, counter: int) -> bool:
        """What is looked at ten times a second."""
        if self._waiting.draining and self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        return await super().on_tick(counter)

    async def _drain(self) -> None:
        self.clean = await self._waiting.drain(self._end_seconds)
        self.should_exit = True


def _config(app: FastAPI, address: Address) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        host=address.host,
        port=address.port,
        ssl_certfile=address.cert,
        ssl_keyfile=address.key,
        http=_Protocol,
        ws="none",
        log_config=LOGGING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=STREAM_SECONDS,
    )
    try:
        config.load()
    except (OSError, ValueError) as error:  # of ssl, too
        raise BlemishError(f"The certificate or its key cannot be used: {error}.") from error
    return config


def _listening(config: uvicorn.Config) -> Any:
    """A socket that is bound to the address."""
    try:
        return config.bind_socket()
    except SystemExit:
        raise BlemishError(
            f"{config.host}:{config.port} cannot be had: another program may have it, or it is no "
            "address of this machine."
        ) from None


class _Protocol(H11Protocol):
    """HTTP/1.1 that waits for the head of a request only so long."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Of a socket that was bound beforehand asyncio does not know that it is TCP: without this
        # the body of an answer would wait 40 ms for word that its head has arrived.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave_off()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Begin to count where a head is awaited, and leave off where one is there."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._leave_off()
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _leave_off(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
