"""Signed heads: what was signed is what is compared, and nobody else can have signed it."""

from __future__ import annotations

import json
import stat
import subprocess
from shutil import which

import pytest
from typer.testing import CliRunner

from blemish.cli.main import app
from blemish.errors import BlemishError, LedgerError
from blemish.ledger.heads import make_key, read_head, sign, write_head
from blemish.ledger.reader import Head
from ledgers import NOON, forge, make_hashes_anew, written

pytest.importorskip("cryptography", reason="needs the extra 'station'")
HEAD = Head(7, "ab" * 32, NOON)


@pytest.fixture
def keys(tmp_path):
    private, public = tmp_path / "key.pem", tmp_path / "key.pem.public"
    make_key(private, public)
    return private, public


def test_a_signed_head_comes_back(tmp_path, keys):
    write_head(sign(HEAD, keys[0]), tmp_path / "head.json")
    assert read_head(tmp_path / "head.json", keys[1]) == HEAD


def test_nobody_else_may_read_the_private_key_and_it_is_not_replaced(keys):
    assert stat.S_IMODE(keys[0].stat().st_mode) == 0o600
    before = keys[0].read_bytes()
    with pytest.raises(BlemishError):
        make_key(*keys)
    assert keys[0].read_bytes() == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("number", 8), ("sha256", "cd" * 32), ("time", None), ("signed", "2026-01-01T00:00:00+00:00")],
)
def test_what_was_changed_is_refused(tmp_path, keys, name, value):
    content = sign(HEAD, keys[0]).to_dict() | {name: value}
    (tmp_path / "head.json").write_text(json.dumps(content))
    with pytest.raises(LedgerError, match="not signed by"):
        read_head(tmp_path / "head.json", keys[1])


def test_another_key_is_refused(tmp_path, keys):
    make_key(tmp_path / "other.pem", tmp_path / "other.public")
    write_head(sign(HEAD, tmp_path / "other.pem"), tmp_path / "head.json")
    with pytest.raises(LedgerError, match="not signed by"):
        read_head(tmp_path / "head.json", keys[1])


@pytest.mark.parametrize("content", ["", "{}", "[]", "\x00", '{"number": -1}'])
def test_what_is_no_head_is_refused(tmp_path, keys, content):
    (tmp_path / "head.json").write_text(content)
    with pytest.raises(LedgerError, match="no head"):
        read_head(tmp_path / "head.json", keys[1])


def test_what_is_no_key_is_refused(tmp_path, keys):
    (tmp_path / "text.pem").write_text("no key")
    with pytest.raises(LedgerError, match="no private key"):
        sign(HEAD, tmp_path / "text.pem")
    with pytest.raises(LedgerError, match="no private key"):
        sign(HEAD, keys[1])
    with pytest.raises(LedgerError, match="no public key"):
        read_head(tmp_path / "head.json", keys[0])


@pytest.mark.skipif(which("openssl") is None, reason="needs openssl")
def test_keys_of_openssl_are_taken_and_those_of_another_kind_are_not(tmp_path):
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    for kind, words in (("rsa", ["rsa:2048"]), ("ed25519", ["ed25519"])):
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", words[0].split(":")[0], "-out", private],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        subprocess.run(
            ["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, timeout=60
        )
        if kind == "rsa":
            with pytest.raises(LedgerError, match="another kind"):
                sign(HEAD, private)
    write_head(sign(HEAD, private), tmp_path / "head.json")
    assert read_head(tmp_path / "head.json", public) == HEAD


def test_the_commands_sign_and_audit(tmp_path):
    def run(*words):
        return CliRunner().invoke(app, [*map(str, words)])

    path = written(tmp_path / "ledger.db")
    key, head = tmp_path / "key.pem", tmp_path / "head.json"
    assert run("ledger", "key", "-o", key).exit_code == 0
    assert run("ledger", "key", "-o", key).exit_code == 2
    told = run("ledger", "head", path, "--key", key, "-o", head, "--json")
    assert json.loads(told.stdout)["number"] == 10
    signed = ["--head", head, "--key", f"{key}.public"]
    assert run("audit", path, *signed).exit_code == 0
    forge(
        path, "UPDATE row SET verdict = 'good' WHERE number = 3", "DELETE FROM row WHERE number=9"
    )
    forge(path, "UPDATE row SET number = 9 WHERE number = 10")
    make_hashes_anew(path)
    assert run("audit", path).exit_code == 0
    assert run("audit", path, *signed).exit_code == 4
    assert run("ledger", "head", path, "--key", key).exit_code == 2
