from __future__ import annotations

import os
import subprocess
import sys

import pytest

from blemish.errors import SettingError
from blemish.parallel import available_cores
from blemish.records.machine import machine, peak_memory_bytes

MEGABYTE = 10**6


def test_the_machine_is_described_in_plain_values() -> None:
    facts = machine()
    assert set(facts) == {"processor", "cores", "memory_bytes", "system"}
    assert facts["cores"] == available_cores()
    assert facts["memory_bytes"] is None or facts["memory_bytes"] > 100 * MEGABYTE


@pytest.mark.skipif(sys.platform == "win32", reason="nobody counts it there")
def test_peak_memory_counts_what_was_given_back() -> None:
    before = peak_memory_bytes()
    block = bytearray(os.urandom(1024) * 300_000)
    del block
    after = peak_memory_bytes()
    assert before is not None
    assert after is not None
    assert after >= 300 * MEGABYTE


@pytest.mark.skipif(sys.platform != "linux", reason="the fault is Linux's")
def test_peak_memory_does_not_count_the_parent() -> None:
    block = bytearray(os.urandom(1024) * 500_000)
    code = "from blemish.records.machine import peak_memory_bytes as p; print(p())"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert int(child.stdout) < 300 * MEGABYTE < len(block)


def test_the_environment_can_limit_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLEMISH_CORES", "1")
    assert available_cores() == 1
    monkeypatch.setenv("BLEMISH_CORES", "")
    assert available_cores() >= 1


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_wrong_number_of_cores_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("BLEMISH_CORES", text)
    with pytest.raises(SettingError, match="BLEMISH_CORES"):
        available_cores()
