"""What a request may cost: bodies, pixels, time; and what leads elsewhere."""

from __future__ import annotations

import socket
import struct
import time
import tracemalloc
import zlib

import httpx
import pytest

from blemish.images.header import ReadLimits
from blemish.serving.app import Limits, make_app
from blemish.serving.models import Models
from blemish.serving.shield import IMAGES_END
from blemish.serving.tokens import Tokens
from served import routes_of, running

SMALL = Limits(most_bytes=100_000, body_seconds=0.5)


@pytest.fixture(scope="module")
def address(models):
    with running(make_app(models, limits=SMALL)) as address:
        yield address


def png(width, height, data):
    """A PNG of one bit a pixel with these bytes as its compressed pixels."""

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_png_that_says_it_is_huge_is_refused_by_its_header(client):
    response = client.post("/v1/inspect", content=png(60000, 60000, zlib.compress(bytes(1000))))
    assert response.status_code == 422
    assert "max_pixels" in response.json()["error"]


def test_pixels_that_unpack_to_more_than_the_image_has_take_no_memory(model_file, client):
    bomb = png(64, 64, zlib.compress(bytes(200_000_000), 9))
    tracemalloc.start()
    try:
        response = client.post("/v1/inspect", content=bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert response.status_code in (200, 422)
    assert peak < 50_000_000


def test_pixels_may_be_bounded_further(model_file, image):
    from fastapi.testclient import TestClient

    from served import HERE

    models = Models.load({"noise": model_file}, limits=ReadLimits(max_pixels=1000))
    with TestClient(make_app(models), base_url=HERE) as client:
        assert "max_pixels" in client.post("/v1/inspect", content=image).json()["error"]


@pytest.mark.parametrize("encoding", ["deflate", "gzip", "br", "gzip, identity"])
def test_bodies_that_are_encoded_are_refused(client, image, encoding):
    headers = {"Content-Encoding": encoding}
    for path in ("/v1/inspect", "/v2/models/noise/infer"):
        response = client.post(path, content=zlib.compress(image), headers=headers)
        assert response.status_code == 415


def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(address):
    with httpx.Client(base_url=f"http://{address}", timeout=60) as client:
        for path, most in (
            ("/v1/inspect", "100,000"),
            ("/v2/models/noise/infer", "100,000"),
            ("/v1/models/noise/reload", "65,536"),
            ("/v1/session", "65,536"),
        ):
            response = client.post(path, content=bytes(100_001))
            assert (response.status_code, most in response.json()["error"]) == (413, True)


def test_a_body_that_does_not_say_how_large_it_is_is_cut_off(address):
    def pieces():
        for _ in range(11):
            yield bytes(10_000)

    with httpx.Client(base_url=f"http://{address}", timeout=60) as client:
        for path in ("/v1/inspect", "/v1/session"):
            assert client.post(path, content=pieces()).status_code == 413


def test_of_strangers_no_image_is_read(models, secrets):
    app = make_app(models, tokens=Tokens.load(secrets["path"]))
    head = "POST /v1/inspect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n"
    with running(app) as address:
        for who in ("", "Authorization: Bearer wrong\r\n", "Cookie: blemish-session=wrong\r\n"):
            answer = answer_of(address, f"{head}{who}\r\n".encode())  # nothing follows
            assert answer.startswith("HTTP/1.1 401 ")
            assert "www-authenticate: Bearer" in answer


def test_addresses_that_take_large_bodies_take_images(client):
    ends = {path for _, path in routes_of(client.app) if path.endswith(IMAGES_END)}
    assert ends == {
        path for _, path in routes_of(client.app) if "inspect" in path or "infer" in path
    }


@pytest.mark.parametrize("origin", ["http://[", "http://]", "//[::1", "\x7f"])
def test_an_origin_that_is_no_address_is_one_of_another_site(client, origin):
    response = client.post("/v1/session", json={"token": "x"}, headers={"Origin": origin})
    assert response.status_code == 403
    assert response.headers["X-Frame-Options"] == "DENY"


def test_every_encoding_of_a_body_is_looked_at(client, image):
    headers = [("Content-Encoding", "identity"), ("Content-Encoding", "gzip")]
    assert client.post("/v1/inspect", content=image, headers=headers).status_code == 415


def test_a_body_that_breaks_off_is_no_error_of_the_service(models, capsys):
    app = make_app(models)
    parts = (
        b"POST /v1/inspect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
        bytes(9),
    )
    with running(app) as address:
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            for part in parts:
                connection.sendall(part)
            until(lambda: app.state.waiting.taken == 1)
        until(lambda: app.state.waiting.taken == 0)
    assert "Traceback" not in capsys.readouterr().err


def until(holds):
    """Wait for something that comes."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def answer_of(address, *parts):
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        for part in parts:
            connection.sendall(part)
        found = b""
        while piece := connection.recv(65536):
            found += piece
    return found.decode()


def test_a_body_that_comes_too_slowly_is_given_up_and_its_place_is_free(address, models):
    head = b"POST /v1/inspect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    answer = answer_of(address, head + bytes(10))
    assert answer.startswith("HTTP/1.1 408 ")
    assert "within 0.5 seconds" in answer


def test_a_head_that_comes_too_slowly_is_given_up(models, monkeypatch):
    monkeypatch.setattr("blemish.serving.server.HEAD_SECONDS", 0.3)
    with running(make_app(models)) as address:
        assert answer_of(address, b"GET /healthz HTTP/1.1\r\nHost: loc") == ""
        assert answer_of(address) == ""
        whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert answer_of(address, whole[:30], whole[30:]).startswith("HTTP/1.1 200 ")


TRAVERSING = ["../secret", "%2e%2e", "..%2f..%2fetc%2fpasswd", "a%00b", "%ff", "...", "~"]


@pytest.mark.parametrize("name", TRAVERSING)
def test_a_name_in_an_address_leads_to_models_alone(client, image, name):
    for path in (f"/v1/models/{name}/inspect", f"/v2/models/{name}/infer"):
        assert client.post(path, content=image).status_code in (404, 405)
    assert client.post(f"/v1/models/{name}/reload").status_code in (404, 405)


@pytest.mark.parametrize(
    "file", ["../secret.onnx", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "a\0b", "link.onnx"]
)
def test_a_file_to_reload_lies_beside_the_one_that_judges(model_file, tmp_path, file):
    from fastapi.testclient import TestClient

    from served import HERE

    (tmp_path / "secret.onnx").write_bytes(model_file.read_bytes())
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "line.onnx").write_bytes(model_file.read_bytes())
    (folder / "link.onnx").symlink_to(tmp_path / "secret.onnx")
    app = make_app(Models.load({"line": folder / "line.onnx"}))
    with TestClient(app, base_url=HERE) as client:
        response = client.post("/v1/models/line/reload", json={"file": file})
    assert response.status_code == 400
    assert "secret.onnx" not in response.text or file.endswith("secret.onnx")
