"""Tokens: who calls, and what they may do. Only their hashes are kept.

A token is 256 random bits, so a plain SHA-256 of it cannot be turned around, nor guessed: a slow
hash, as for passwords, would only make every request slow. The file is TOML:

    [[token]]
    name = "line 3"
    role = "operator"
    sha256 = "..."

It is read again whenever it changes: a token that is taken out of it is worth nothing at once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Annotated

from msgspec import Meta

from blemish.errors import UsageError
from blemish.files import write_whole
from blemish.typed_json import Hash, JsonError, as_type

PREFIX = "blemish_"  # so that a token is known where it should not be, in a log or a repository
MOST_BYTES = 1 << 20  # of the file


class Role(StrEnum):
    """What somebody may do; each may do what those before it may."""

    VIEWER = "viewer"  # look: models, figures, what was judged
    OPERATOR = "operator"  # have images judged, say what they are
    ENGINEER = "engineer"  # change what judges

    def may(self, needed: Role) -> bool:
        """Whether this role is enough for what `needed` may do."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True)
class Token:
    """Somebody who is known.

    Attributes:
        name: of the person or machine, for the record.
        role: what they may do.
        sha256: of the token.
    """

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    role: Role
    sha256: Hash


@dataclass(frozen=True)
class _File:
    token: tuple[Token, ...] = ()


class Tokens:
    """All that are known, by a file.

    Args:
        path: of the file.

    Raises:
        UsageError: it cannot be read, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock, self._seen = Lock(), _stamp(path)
        self._known = _read(path)

    @classmethod
    def load(cls, path: str | Path) -> Tokens:
        """The tokens of a file. Raises `UsageError`."""
        return cls(Path(path))

    def of(self, secret: str) -> Token | None:
        """Whose token it is; in a time that does not tell how much of it is right."""
        return self.of_hash(hash_of(secret))

    def of_hash(self, sha256: str) -> Token | None:
        """Whose token has that hash."""
        found = None
        for token in self._now():
            if hmac.compare_digest(token.sha256, sha256):
                found = token
        return found

    def _now(self) -> tuple[Token, ...]:
        """Those in the file as it is; nobody while it is missing or damaged."""
        with self._lock:
            stamp = _stamp(self.path)
            if stamp != self._seen:
                try:
                    self._known, self._seen = _read(self.path), stamp
                except UsageError:
                    self._known = ()
            return self._known


def hash_of(secret: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_token(path: Path, name: str, role: Role) -> str:
    """Make a token and add it to the file, which is made where it is not there.

    Returns:
        The token, which nobody can tell again.

    Raises:
        UsageError: there is one of that name, or the file is damaged.
        BlemishError: the file cannot be written.
    """
    known = _read(path) if path.exists() else ()
    if any(token.name == name for token in known):
        raise UsageError(
            f"'{path}' has a token named '{name}'; take it out first, or name another."
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    try:
        token = as_type({"name": name, "role": str(role), "sha256": hash_of(secret)}, Token)
    except JsonError as error:
        raise UsageError(f"No token can be made: {error}") from error
    write_whole(path, "\n".join(map(_spelled, (*known, token))))
    return secret


def _spelled(token: Token) -> str:
    values = {"name": token.name, "role": str(token.role), "sha256": token.sha256}
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())
    return "\n".join(("[[token]]", *lines, ""))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> tuple[Token, ...]:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
        tokens = as_type(tomllib.loads(content.decode()), _File).token
    except OSError as error:
        raise UsageError(f"The tokens in '{path}' cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"'{path}' is no file of tokens: {str(error).rstrip('.')}.") from error
    names = [token.name for token in tokens]
    if len(set(names)) < len(names):
        twice = max(names, key=names.count)
        raise UsageError(f"'{path}' names '{twice}' twice; each name belongs to one token.")
    return tokens
