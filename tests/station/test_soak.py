"""A minute of the soak: everything around a station fails once, and nothing is lost or doubled."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits another process's files")
def test_whatever_fails_each_image_is_in_the_record_once_with_its_verdict(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("soak", SOAK)
    soak = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(soak)
    monkeypatch.setattr(soak, "AWAY_SECONDS", (1.0, 2.0))
    found = soak.soak(0.2, rate=4.0, fewest_kills=1)
    assert not found["problems"], found
    assert found["exit_code"] == 0
    assert found["images"] == sum(found["verdicts"].values())
    assert {"camera away", "disk full", "kill -9"} <= found["faults"].keys()
