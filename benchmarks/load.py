"""Clients of a service: each asks, waits for its answer, asks again, on a connection of its own.

They are made to cost little, since they share the cores with what they measure: requests are bytes
that were made before, and of an answer only what is needed is looked at.
"""

from __future__ import annotations

import json
import multiprocessing
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

WAIT_SECONDS = 120


@dataclass(frozen=True)
class Answer:
    """What came of a request: when it was sent, how long it took, its status, whose it is."""

    sent: float
    seconds: float
    status: int
    own: bool


def ask_all(
    address: tuple[str, int],
    images: Sequence[bytes],
    *,
    clients: int,
    seconds: float,
    rate: float | None = None,
) -> list[Answer]:
    """What came of all requests of so many clients in that time, from a process of their own.

    Args:
        address: of the service.
        images: bodies, in turn.
        clients: at a time.
        seconds: in which they begin to ask.
        rate: requests a second that all together try; by default each asks as soon as it can.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_ask_all, (address, images, clients, seconds, rate))


def _ask_all(
    address: tuple[str, int],
    images: Sequence[bytes],
    clients: int,
    seconds: float,
    rate: float | None,
) -> list[Answer]:
    numbers = count()
    end = time.monotonic() + seconds
    pause = 0.0 if rate is None else clients / rate

    def ask(_: int) -> list[Answer]:
        found = []
        with socket.create_connection(address, WAIT_SECONDS) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            following = time.monotonic()
            while not found or time.monotonic() < end:
                number = next(numbers)
                found.append(_ask(connection, number, images[number % len(images)]))
                following = max(following + pause, time.monotonic() - pause)
                time.sleep(max(0.0, min(following, end) - time.monotonic()))
        return found

    with ThreadPoolExecutor(clients) as threads:
        return [answer for found in threads.map(ask, range(clients)) for answer in found]


def _ask(connection: socket.socket, number: int, image: bytes) -> Answer:
    head = (
        f"POST /v1/inspect?name={number} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Length: {len(image)}\r\n\r\n"
    )
    start = time.monotonic()
    connection.sendall(head.encode() + image)
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    top, _, body = received.partition(b"\r\n\r\n")
    length = int(top.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += _more(connection)
    seconds = time.monotonic() - start
    status = int(top.split()[1])
    own = status != 200 or json.loads(body)["path"] == str(number)
    return Answer(start, seconds, status, own)


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(1 << 16)
    if not piece:
        raise ConnectionError("The service closed a connection without its answer.")
    return piece
