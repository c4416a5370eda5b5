"""Webhook: a signed HTTP POST a row, to one address that the site file names.

Signed as Standard Webhooks has it (https://www.standardwebhooks.com): `webhook-id` (also sent as
`Idempotency-Key`), `webhook-timestamp` and `webhook-signature`, `v1,` and the base64 of the
HMAC-SHA256 over the three of id, time stamp and body, joined by dots.

Nothing that a receiver answers can lead a request elsewhere: redirects are failures, proxies of the
environment are not used, and the address that the host's name leads to is checked by the one who
connects to it, so that it cannot change in between.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import http.client
import ipaddress
import re
import socket
import ssl
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from blemish.errors import UsageError
from blemish.ledger.entry import Kind, Row
from blemish.station.contracts import Health
from blemish.station.outputs import messages
from blemish.station.outputs.credentials import secret_of
from blemish.station.tables import Table

if TYPE_CHECKING:
    from blemish.station.contracts import Context

FEWEST_KEY_BYTES = 24
UNSENT = re.compile(r"[^!-~]")  # what the first line of a request cannot hold
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # urlsplit drops some of these without a word
NAT64 = ipaddress.ip_network("64:ff9b::/96")
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # all of IPv6 that is given out so far
DOCUMENTATION = ipaddress.ip_network("3fff::/20")  # Python's tables know it only of late
MOST_ANSWER_BYTES = 1 << 16  # read of an answer; after a longer one the connection is closed


class WebhookSettings(Table, frozen=True):
    """Of the output.

    Attributes:
        url: where to; `https`, or `http` with `private`.
        secret: where the key is: `file:PATH` or `env:NAME`; at least 24 characters.
        private: whether the host may be on a private network, or this machine.
        kinds: of rows that are sent.
        timeout_seconds: for one request.
        ca: certificates to trust rather than those of the system.
    """

    url: str
    secret: str
    private: bool = False
    kinds: frozenset[Kind] = frozenset({Kind.INSPECTION})
    timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 5.0
    ca: Path | None = None

    def __post_init__(self) -> None:
        if CONTROL.search(self.url):
            raise ValueError("'url' holds a control character")
        parts = urlsplit(self.url)
        path = parts.path + parts.query
        if parts.scheme not in ("http", "https") or not parts.hostname or UNSENT.search(path):
            raise ValueError("'url' must be like https://host/path")
        if parts.port == 0:  # which also sees to it that it is a number
            raise ValueError("'url' has no port 0")
        if parts.scheme == "http" and not self.private:
            raise ValueError(
                "'url' must be https; http goes to a private network only: private = true"
            )
        if parts.username is not None or parts.password is not None:
            raise ValueError("'url' holds a password; requests are signed with 'secret' instead")


class Webhook:
    """A client of one receiver, as a `Forwarder`.

    A row that the receiver refuses holds up those after it, and is sent again: nothing is lost, and
    the receiver's `Idempotency-Key` tells what comes twice.
    """

    Settings = WebhookSettings

    def __init__(self, name: str, settings: WebhookSettings, context: Context) -> None:
        self.name = name
        self.health = Health(ready=True, told="waits for rows")
        self._settings = settings
        self._context = context
        self._key = key_of(secret_of(settings.secret, "secret", context.base))
        self._connection: http.client.HTTPConnection | None = None
        self._kept = False  # whether the connection had been used before
        self._delivered = 0  # number of the last row that was accepted

    async def deliver(self, rows: list[Row]) -> None:
        """Send rows, one after the other.

        Raises:
            OSError: the receiver is not there, or may not be talked to.
            HTTPException: it speaks no HTTP.
            RefusedError: it answers otherwise than by 2xx.
        """
        for row in rows:
            if row.entry.kind not in self._settings.kinds or row.number <= self._delivered:
                continue
            try:
                async with asyncio.timeout(self._settings.timeout_seconds):
                    await self._send(row)
            except BaseException as error:
                self._drop()
                self.health.ready, self.health.told = False, f"row {row.number}: {_said(error)}"
                raise
            self._delivered = row.number
            self.health.ready, self.health.told = True, f"row {row.number} delivered"

    async def close(self) -> None:
        """Let go of the connection."""
        self._drop()

    @cached_property
    def _station(self) -> str:
        return str(self._context.station.status().get("name", ""))

    async def _send(self, row: Row) -> None:
        body = messages.of_row(row, self._station)
        headers = signed_headers(self._key, messages.id_of(row), body, now=int(time.time()))
        try:
            status = await self._post(body, headers)
        except (ConnectionError, http.client.HTTPException):
            if not self._kept:
                raise
            self._drop()  # it was closed while nothing was sent
            status = await self._post(body, headers)
        if not 200 <= status < 300:
            raise RefusedError(f"the receiver answers {status}")

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        """Send, on a connection that is kept for the next; the status of the answer."""
        self._kept = self._connection is not None
        if self._connection is None:
            self._connection = await asyncio.to_thread(connection_to, self._settings)
        target = urlsplit(self._settings.url)
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        status, stays = await asyncio.to_thread(exchange, self._connection, path, body, headers)
        if not stays:
            self._drop()
        return status

    def _drop(self) -> None:
        """End the connection; a thread that waits for it gets an error at once."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if connection.sock is not None:
            with suppress(OSError):  # the other side was faster
                connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()


class RefusedError(OSError):
    """The receiver does not take a row."""


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: base64 after `whsec_`, else its bytes.

    Raises:
        UsageError: it is shorter than 24 bytes, or no base64.
    """
    try:
        coded = secret.startswith("whsec_")
        key = base64.b64decode(secret[6:], validate=True) if coded else secret.encode()
    except ValueError:
        raise UsageError(
            "'secret' begins with whsec_, but goes on otherwise than base64."
        ) from None
    if len(key) < FEWEST_KEY_BYTES:
        raise UsageError(f"'secret' must have {FEWEST_KEY_BYTES} bytes; this one has {len(key)}.")
    return key


def signed_headers(key: bytes, name: str, body: bytes, *, now: int) -> dict[str, str]:
    """Headers of a request.

    Args:
        key: as `key_of` gives it.
        name: what tells this row from all others.
        body: that is signed.
        now: seconds since 1970.
    """
    content = b".".join((name.encode(), str(now).encode(), body))
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "blemish",
        "Idempotency-Key": name,
        "webhook-id": name,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{signature}",
    }


def connection_to(settings: WebhookSettings) -> http.client.HTTPConnection:
    """A connection to the receiver, made to an address that is allowed.

    Raises:
        OSError: it is not there, or each of its addresses is private and may not be talked to.
    """
    target = urlsplit(settings.url)
    host = target.hostname or ""
    port = target.port or (443 if target.scheme == "https" else 80)
    plain = connected(host, port, private=settings.private, timeout=settings.timeout_seconds)
    made = http.client.HTTPConnection(host, port, timeout=settings.timeout_seconds)
    made.auto_open = 0  # never to an address that was not checked
    made.sock = plain
    if target.scheme == "https":
        context = ssl.create_default_context(cafile=settings.ca)
        try:
            made.sock = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
    return made


def exchange(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, bool]:
    """Send a request; the status of the answer, and whether the connection can be used again."""
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    whole = len(answer.read(MOST_ANSWER_BYTES + 1)) <= MOST_ANSWER_BYTES
    return answer.status, whole and not answer.will_close


def connected(host: str, port: int, *, private: bool, timeout: float) -> socket.socket:
    """A socket, connected to the first address of a host that answers and is allowed."""
    why: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        if not private and not is_public(str(address[0])):
            why = why or PermissionError(
                f"{host} leads to {address[0]}, a private address; 'private = true' allows that"
            )
            continue
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(timeout)
            made.connect(address)
        except OSError as error:
            made.close()
            why = error
            continue
        return made
    raise why or OSError(f"{host} has no address")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also where it is one in another."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or _of_nat64(found)
        if inner is not None:
            return is_public(str(inner))
        if found not in GLOBAL_UNICAST or found in DOCUMENTATION:
            return False
    return found.is_global and not found.is_multicast


def _of_nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None


def _said(error: BaseException) -> str:
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else repr(error))
