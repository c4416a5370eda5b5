"""What tests of the service ask it with."""

from __future__ import annotations

HERE = "http://127.0.0.1"


def bearer(secret):
    """The header that shows a token."""
    return {"Authorization": f"Bearer {secret}"}
