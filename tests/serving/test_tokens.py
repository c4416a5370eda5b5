"""Tokens: only hashes are kept, and a file that changes counts at once."""

from __future__ import annotations

import pytest

from blemish.errors import UsageError
from blemish.serving.tokens import Role, Tokens, new_token


def test_a_token_is_known_by_its_hash_alone(tmp_path):
    path = tmp_path / "tokens.toml"
    secret = new_token(path, 'line 3 "left"', Role.OPERATOR)
    assert secret not in path.read_text()
    token = Tokens.load(path).of(secret)
    assert (token.name, token.role) == ('line 3 "left"', Role.OPERATOR)
    assert Tokens.load(path).of(secret[:-1]) is None


def test_tokens_are_added_and_taken_out_while_it_runs(tmp_path):
    path = tmp_path / "tokens.toml"
    first = new_token(path, "first", Role.VIEWER)
    tokens = Tokens.load(path)
    second = new_token(path, "second", Role.ENGINEER)
    assert tokens.of(first).name == "first"
    assert tokens.of(second).role == Role.ENGINEER
    path.write_text("damaged")
    assert tokens.of(first) is None
    path.unlink()
    assert tokens.of(first) is None


def test_a_name_belongs_to_one_token(tmp_path):
    path = tmp_path / "tokens.toml"
    new_token(path, "first", Role.VIEWER)
    with pytest.raises(UsageError, match="has a token named 'first'"):
        new_token(path, "first", Role.VIEWER)


@pytest.mark.parametrize("name", ["", "x" * 101])
def test_a_name_that_is_none_makes_no_file(tmp_path, name):
    with pytest.raises(UsageError):
        new_token(tmp_path / "tokens.toml", name, Role.VIEWER)
    assert not (tmp_path / "tokens.toml").exists()


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "token = 3",
        '[[token]]\nname = "a"\nrole = "king"\nsha256 = "' + "a" * 64 + '"',
        '[[token]]\nname = "a"\nrole = "viewer"\nsha256 = "short"',
        '[[token]]\nrole = "viewer"\nsha256 = "' + "a" * 64 + '"',
        2 * ('[[token]]\nname = "a"\nrole = "viewer"\nsha256 = "' + "a" * 64 + '"\n'),
        b"\xff\xfe",
        b"a" * (1 << 21),
    ],
)
def test_what_is_no_file_of_tokens_is_refused(tmp_path, text):
    path = tmp_path / "tokens.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=r"tokens\.toml"):
        Tokens.load(path)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        Tokens.load(tmp_path / "none.toml")
