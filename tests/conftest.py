"""Where the shared pictures, backbones and oracles are, for the tests that use them."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pictures, backbones and oracles beside the checkout; skips without it."""
    if not SHARED.is_dir():
        pytest.skip("real pictures, backbones and oracles (../shared) are not on this machine")
    return SHARED
