"""Stations of the tests."""

from __future__ import annotations

import asyncio

import pytest

import stations
from blemish.station import kinds

PATIENCE = 30.0  # seconds that anything here may take


@pytest.fixture
def line(tmp_path, model, category, monkeypatch):
    """A site with a camera in the test's hand, a machine, and a recipe `tile`."""
    real = kinds.load_kind

    def load(known, kind, *, what):
        return stations.KINDS.get(kind) or real(known, kind, what=what)

    for registry in ("sources", "outputs"):
        monkeypatch.setattr(f"blemish.station.{registry}.registry.load_kind", load)
    (tmp_path / "models").mkdir()
    model.save(tmp_path / "models" / "tile.onnx")
    made = stations.Line(tmp_path, category)
    made.write()
    return made


@pytest.fixture
def run():
    """Run something of an event loop, for a while at most."""

    def run(work):
        async def bounded():
            async with asyncio.timeout(PATIENCE):
                return await work

        return asyncio.run(bounded())

    return run
