"""Webhooks, to a receiver of the test's own that fails, waits, redirects and lies."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from blemish.errors import UsageError
from blemish.ledger.entry import Kind
from blemish.station.outputs.webhook import Webhook, WebhookSettings, is_public, key_of
from certificates import self_signed
from station_outputs import context, row, until

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Receiver(ThreadingHTTPServer):
    """Answers as it is told to, and keeps what it is sent."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        self.answers = []  # statuses, or functions of the handler; then 204
        self.connections = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/hook?line=3"

    @property
    def numbers(self):
        return [json.loads(body)["number"] for _, _, body in self.requests]

    def get_request(self):
        self.connections += 1
        return super().get_request()

    def handle_error(self, *_):
        pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        answer = self.server.answers.pop(0) if self.server.answers else 204
        if callable(answer):
            answer(self)
            return
        self.send_response(answer)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture
def receiver():
    with serving(Receiver()) as made:
        yield made


@pytest.fixture
def hook(receiver, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", SECRET)

    def made(**settings):
        given = {"url": receiver.url, "private": True, "timeout_seconds": 10.0, **settings}
        return Webhook("hook", WebhookSettings(secret="env:HOOK_SECRET", **given), context())

    return made


async def test_rows_are_signed_and_sent_in_order_on_one_connection(receiver, hook):
    output = hook()
    rows = [row(number) for number in range(1, 21)]
    await output.deliver(rows)
    assert receiver.numbers == list(range(1, 21))
    assert receiver.connections == 1
    path, headers, body = receiver.requests[4]
    assert (path, headers["Host"]) == ("/hook?line=3", receiver.url.split("/")[2])
    assert headers["Idempotency-Key"] == headers["webhook-id"] == rows[4].entry.key
    sent = int(headers["webhook-timestamp"])
    assert abs(time.time() - sent) < 60
    content = b".".join([rows[4].entry.key.encode(), str(sent).encode(), body])
    expected = hmac.new(bytes(range(32)), content, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    await output.close()


async def test_a_receiver_that_fails_gets_the_row_again_and_no_other(receiver, hook):
    output = hook()
    receiver.answers = [204, 503, 400, 204, 204]
    rows = [row(1), row(2), row(3)]
    for status in (503, 400):
        with pytest.raises(OSError, match=str(status)):
            await output.deliver(rows)
        assert not output.health.ready
        assert str(status) in output.health.told
    await output.deliver(rows)
    assert receiver.numbers == [1, 2, 2, 2, 3]
    keys = {headers["Idempotency-Key"] for _, headers, _ in receiver.requests[1:4]}
    assert keys == {rows[1].entry.key}
    assert output.health.ready
    assert output._delivered == 3


async def test_a_redirect_is_a_failure_and_is_not_followed(receiver, hook):
    with serving(Receiver()) as other:

        def elsewhere(handler):
            handler.send_response(307)
            handler.send_header("Location", other.url)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        receiver.answers = [elsewhere]
        with pytest.raises(OSError, match="307"):
            await hook().deliver([row(1)])
        assert other.requests == []


@pytest.mark.parametrize("slow", ["status", "headers", "body"])
async def test_a_receiver_that_never_ends_its_answer_is_left(receiver, hook, slow):
    gone = threading.Event()

    def drip(handler):
        starts = {
            "status": b"",
            "headers": b"HTTP/1.1 200 OK\r\n",
            "body": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        }
        drops = {"status": b"", "headers": b"X: y\r\n", "body": b"1\r\nx\r\n"}
        try:
            handler.wfile.write(starts[slow])
            for _ in range(1000):
                handler.wfile.write(drops[slow])
                if handler.connection.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b"":
                    break
        except BlockingIOError:
            drip.waited = True
            handler.connection.settimeout(20)
            handler.connection.recv(1)
        except OSError:
            pass
        handler.close_connection = True
        gone.set()

    receiver.answers = [drip]
    output = hook(timeout_seconds=0.5)
    with pytest.raises(TimeoutError):
        await output.deliver([row(1)])
    assert output.health.told == "row 1: no answer in time"
    await until(gone.is_set, "the end of the connection")
    await output.deliver([row(1)])
    assert receiver.numbers == [1, 1]


async def test_a_connection_that_was_closed_while_idle_is_made_anew(receiver, hook):
    def close(handler):
        handler.send_response(204)
        handler.end_headers()
        handler.close_connection = True  # without having said so

    receiver.answers = [close]
    output = hook()
    await output.deliver([row(1)])
    await asyncio.sleep(0.1)
    await output.deliver([row(2)])
    assert receiver.numbers == [1, 2]
    assert receiver.connections == 2


async def test_an_answer_of_any_length_is_not_kept(receiver, hook):
    def long(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 40))
        handler.end_headers()
        try:
            for _ in range(1000):
                handler.wfile.write(b"x" * 100_000)
        except OSError:
            pass

    receiver.answers = [long]
    output = hook()
    await output.deliver([row(1)])
    await output.deliver([row(2)])
    assert receiver.numbers == [1, 2]


async def test_what_is_no_http_is_an_error(receiver, hook):
    def lie(handler):
        handler.wfile.write(b"220 mail.example.org ESMTP\r\n")
        handler.close_connection = True

    receiver.answers = [lie]
    output = hook()
    with pytest.raises(Exception, match="220 mail"):
        await output.deliver([row(1)])
    assert output._delivered == 0


async def test_no_receiver_is_an_error(hook):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="refused"):
            await hook(url=f"http://127.0.0.1:{found.getsockname()[1]}/").deliver([row(1)])


async def test_addresses_of_this_machine_and_network_are_refused_unless_allowed(receiver, hook):
    port = receiver.server_address[1]
    for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"):
        output = hook(url=f"https://{host}:{port}/", private=False)
        with pytest.raises(OSError, match=r"private address|not known|No address"):
            await output.deliver([row(1)])
    assert receiver.connections == 0


async def test_the_address_that_is_checked_is_the_one_that_is_connected_to(
    receiver, hook, monkeypatch
):
    """A name server that answers otherwise the second time gains nothing."""
    port, asked = receiver.server_address[1], []

    def answers(host, port, **_):
        asked.append(host)
        address = "93.184.215.14" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    monkeypatch.setattr(socket.socket, "connect", lambda _self, address: asked.append(address))
    output = hook(url=f"https://example.org:{port}/", private=False, timeout_seconds=2.0)
    with pytest.raises(OSError):
        await output.deliver([row(1)])
    assert asked == ["example.org", ("93.184.215.14", port)]
    assert receiver.connections == 0


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "ff02::1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "::127.0.0.1", "::10.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b:1::1",
        "fec0::1", "5f00::1", "3fff::1", "2001:db8::1", "2001::1",
    ],
)  # fmt: skip
def test_what_is_not_public_is_known(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "64:ff9b::808:808"])
def test_what_is_public_is_known(address):
    assert is_public(address)


@pytest.mark.parametrize("control", ["\n", "\t", "\r", "\0", "\x7f", "\x85"])
def test_an_address_has_no_control_characters(control):
    with pytest.raises(ValueError, match="control character"):
        WebhookSettings(url=f"https://example.com/a{control}b", secret="env:X")


async def test_proxies_of_the_environment_are_not_used(receiver, hook, monkeypatch):
    with serving(Receiver()) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        await hook().deliver([row(1)])
        assert (receiver.numbers, proxy.connections) == ([1], 0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Of 127.0.0.1, signed by itself: a PEM file with its key."""
    return self_signed(tmp_path_factory.mktemp("certificate"), "127.0.0.1")


async def test_a_receiver_is_known_by_its_certificate(receiver, hook, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with serving(Receiver()) as secure:
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        url = secure.url.replace("http:", "https:")
        output = hook(url=url, ca=certificate[0])
        await output.deliver([row(1), row(2)])
        await output.close()
        assert secure.numbers == [1, 2]
        with pytest.raises(ssl.SSLCertVerificationError):
            await hook(url=url).deliver([row(3)])
        with pytest.raises(ssl.SSLCertVerificationError):
            await hook(url=url.replace("127.0.0.1", "localhost"), ca=certificate[0]).deliver(
                [row(3)]
            )
        assert secure.numbers == [1, 2]


async def test_rows_of_other_kinds_are_passed_over(receiver, hook):
    of = row(2)
    object.__setattr__(of.entry, "kind", Kind.ACT)
    await hook().deliver([row(1), of, row(3)])
    assert receiver.numbers == [1, 3]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.org/", "https"),
        ("ftp://example.org/", "https://host/path"),
        ("https:///path", "https://host/path"),
        ("https://user:word@example.org/", "password"),
        ("file:///etc/passwd", "https://host/path"),
        ("https://example.org/a b", "https://host/path"),
        ("https://example.org/ä", "https://host/path"),
        ("https://example.org:99999/", "ort"),
        ("https://example.org:x/", "ort"),
    ],
)
def test_odd_addresses_are_refused(url, why):
    with pytest.raises(ValueError, match=why):
        WebhookSettings(url=url, secret="env:X")


@pytest.mark.parametrize("secret", ["short", "whsec_AAAA", "whsec_no base64 at all, but long"])
def test_weak_keys_are_refused(secret):
    with pytest.raises(UsageError) as caught:
        key_of(secret)
    assert secret not in str(caught.value)
