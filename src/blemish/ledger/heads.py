"""Signed heads: what a chain was at a time, in a file that is kept where its writer cannot reach.

A head stands for all rows up to it. The signature (Ed25519) tells who took it, so the key belongs
to whoever audits, or to a machine that the station's people do not rule over.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from blemish.errors import BlemishError, LedgerError, MissingExtraError
from blemish.files import looking_at, write_whole
from blemish.ledger.reader import Head
from blemish.typed_json import Count, Hash, as_type, read_json

SCHEMA = 1
Signature = Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]


@dataclass(frozen=True)
class SignedHead:
    """A head, and who says so.

    Attributes:
        schema: of this file.
        number, sha256: of the row.
        time: of the row, as ISO 8601; `None` where there was none.
        signed: when it was signed, as ISO 8601.
        signature: over all of that, 64 bytes in hexadecimal digits.
    """

    schema: int
    number: Count
    sha256: Hash
    time: str | None
    signed: str
    signature: Signature

    def message(self) -> bytes:
        """What is signed."""
        values = (self.schema, self.number, self.sha256, self.time, self.signed)
        return "\n".join(("blemish ledger head", *map(str, values))).encode()

    def to_dict(self) -> dict[str, Any]:
        """The content of its file."""
        return dict(vars(self))


def make_key(private: Path, public: Path) -> None:
    """Make a pair of keys (PEM).

    Args:
        private: file that must not be there yet; nobody else may read it.
        public: file of what checks signatures; one that is there is replaced.

    Raises:
        BlemishError: they cannot be written.
    """
    _need_cryptography()
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    try:
        descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secret)
            stream.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise BlemishError(f"Cannot write '{private}': {error.strerror}.") from error
    write_whole(
        public,
        key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo),
    )


def sign(head: Head, private: Path) -> SignedHead:
    """Sign a head, now.

    Args:
        head: of a ledger.
        private: file of an Ed25519 key (PEM, without a password), from `make_key` or OpenSSL.

    Raises:
        LedgerError: the file holds no such key.
    """
    _need_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_content(private), password=None)
    except (ValueError, TypeError) as error:
        raise LedgerError(f"'{private}' holds no private key without a password.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerError(f"'{private}' holds a key of another kind; Ed25519 is needed.")
    values = head.to_dict() | {"schema": SCHEMA, "signed": datetime.now(UTC).isoformat()}
    unsigned = SignedHead(**values, signature="")
    return SignedHead(**values, signature=key.sign(unsigned.message()).hex())


def write_head(signed: SignedHead, path: Path) -> None:
    """Write a signed head. Raises `BlemishError` where that cannot be."""
    write_whole(path, json.dumps(signed.to_dict(), indent=2) + "\n")


def read_head(path: Path, public: Path) -> Head:
    """Read a head whose signature is right.

    Raises:
        LedgerError: it is no head, or not signed by the key that belongs to this public one.
    """
    _need_cryptography()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_content(public))
    except ValueError as error:
        raise LedgerError(f"'{public}' holds no public key (PEM).") from error
    if not isinstance(key, Ed25519PublicKey):
        raise LedgerError(f"'{public}' holds a key of another kind; Ed25519 is needed.")
    try:
        signed = as_type(read_json(_content(path).decode()), SignedHead)
        key.verify(bytes.fromhex(signed.signature), signed.message())
        time = None if signed.time is None else datetime.fromisoformat(signed.time)
    except ValueError as error:
        raise LedgerError(f"'{path}' is no head of a ledger ({error}).") from error
    except InvalidSignature as error:
        raise LedgerError(
            f"'{path}' is not signed by the key that belongs to '{public}', or was changed since."
        ) from error
    return Head(signed.number, signed.sha256, time)


def _content(path: Path) -> bytes:
    with looking_at(path):
        return path.read_bytes()


def _need_cryptography() -> None:
    if find_spec("cryptography") is None:
        raise MissingExtraError("A signed head", "station")
