"""The command in a process of its own: what it says, what it refuses, how it ends."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
from PIL import Image

from blemish.errors import BlemishError, UsageError
from blemish.serving.app import make_app
from blemish.serving.server import Address, Server, _Protocol, serve
from blemish.serving.tokens import Role, new_token
from served import bearer, running

WAIT_SECONDS = 90


@contextmanager
def service(*words):
    """`blemish serve` and where it answers; killed where the test did not end it."""
    command = [sys.executable, "-m", "blemish", "serve", *map(str, words), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait(WAIT_SECONDS)
        process.stdout.close()
        process.stderr.close()


def ended(process):
    """Its exit code, and what it said."""
    _, said = process.communicate(timeout=WAIT_SECONDS)
    return process.returncode, said


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """An image that takes a moment."""
    path = tmp_path_factory.mktemp("large") / "large.png"
    noise = np.random.default_rng(0).integers(40, 80, (2000, 2000), np.uint8)
    Image.fromarray(noise).save(path)
    return path.read_bytes()


def test_at_sigterm_it_ends_what_it_has_begun_and_then_itself(model_file, large):
    with service(model_file) as (process, told):
        url = told["url"]

        def ask(number):
            try:
                return client.post("/v1/inspect", params={"name": f"{number}"}, content=large)
            except httpx.TransportError:
                return None  # it had ended

        with (
            httpx.Client(base_url=url, timeout=WAIT_SECONDS) as client,
            ThreadPoolExecutor(8) as clients,
        ):
            found = [clients.submit(ask, number) for number in range(40)]
            found[0].result(WAIT_SECONDS)
            process.send_signal(signal.SIGTERM)
            answers = [one.result(WAIT_SECONDS) for one in found]
        code, said = ended(process)
    assert code == 0, said
    assert "Traceback" not in said
    statuses = [None if answer is None else answer.status_code for answer in answers]
    assert set(statuses) <= {200, 503, None}
    assert 200 in statuses
    judged = [(n, a.json()["path"]) for n, a in enumerate(answers) if a and a.is_success]
    assert all(str(number) == name for number, name in judged)


def test_ctrl_c_is_such_an_end(model_file):
    with service(model_file) as (process, told):
        assert httpx.get(f"{told['url']}/healthz").is_success
        process.send_signal(signal.SIGINT)
        assert ended(process)[0] == 0


def test_it_never_says_a_token_nor_what_it_is(model_file, tmp_path, image):
    tokens = tmp_path / "tokens.toml"
    secret = new_token(tokens, "line 3", Role.OPERATOR)
    words = (model_file, "--tokens", tokens, "--host", "0.0.0.0")
    with service(*words) as (process, told):
        url = told["url"].replace("0.0.0.0", "127.0.0.1")
        answer = httpx.post(f"{url}/v1/inspect", content=image, headers=bearer(secret))
        assert answer.is_success
        assert "server" not in answer.headers
        for headers in (bearer(secret + "x"), {"Authorization": secret}):
            assert httpx.get(f"{url}/v1/models", headers=headers).status_code == 401
        httpx.post(f"{url}/v1/session", json={"token": [secret]})
        httpx.get(f"{url}/v1/models?token={secret}")
        process.send_signal(signal.SIGTERM)
        code, said = ended(process)
    assert code == 0
    assert secret not in said + json.dumps(told)


def test_no_part_of_an_answer_waits_for_word_of_the_one_before(models, monkeypatch):
    connections = []
    made = _Protocol.connection_made

    def remember(self, transport):
        made(self, transport)
        connections.append(transport.get_extra_info("socket"))

    monkeypatch.setattr(_Protocol, "connection_made", remember)
    with running(make_app(models)) as address, httpx.Client() as client:
        assert client.get(f"http://{address}/healthz").json() == {"ready": True}
        (connection,) = connections
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_it_speaks_tls(model_file, tmp_path):
    cryptography = pytest.importorskip("cryptography", reason="needs cryptography")
    del cryptography
    cert = certificate(tmp_path)
    with service(model_file, "--cert", cert) as (process, told):
        assert told["url"].startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(cert))
        assert httpx.get(f"{told['url']}/healthz", verify=trusting).is_success
        process.send_signal(signal.SIGTERM)
        assert ended(process)[0] == 0


def certificate(folder):
    """A certificate of 127.0.0.1 and its key in one file."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "line 3")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    kinds = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = folder / "line.pem"
    path.write_bytes(made.public_bytes(kinds[0]) + key.private_bytes(*kinds, plain))
    return path


def test_an_address_or_certificate_that_cannot_be_is_told_in_a_sentence(models, tmp_path):
    app = make_app(models)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BlemishError, match=f"127.0.0.1:{port} cannot be had"):
            Server(app, Address(port=port), ready=print)
    with pytest.raises(BlemishError, match="cannot be had"):
        Server(app, Address("no.such.host.invalid"), ready=print)
    path = tmp_path / "no.pem"
    path.write_text("nothing")
    with pytest.raises(BlemishError, match="cannot be used"):
        Server(app, Address(cert=path), ready=print)
    with pytest.raises(UsageError, match="is no file"):
        Address(cert=tmp_path / "none.pem")
    with pytest.raises(UsageError, match="'cert'"):
        Address(key=path)
    with pytest.raises(UsageError, match="tokens="):
        serve(app, Address("0.0.0.0"), tokens=None, ready=print)


def test_a_model_that_is_none_is_told_before_anything_is_served(tmp_path):
    command = [sys.executable, "-m", "blemish", "serve", str(tmp_path / "none.onnx")]
    found = subprocess.run(
        command, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )
    assert found.returncode == 1
    assert found.stderr.startswith("error: ")
    assert "Traceback" not in found.stderr
