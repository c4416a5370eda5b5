"""Blocks in a temporary file come back as they were."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.errors import BlemishError
from blemish.metrics.spill import Spill


@pytest.fixture
def spill():
    spill = Spill()
    yield spill
    spill.close()


def test_blocks_are_read_in_any_order_end_to_end(spill):
    rng = np.random.default_rng(0)
    blocks = [rng.standard_normal(size).astype(np.float32) for size in (5, 0, 100_000, 1)]
    for block in blocks:
        spill.append(block)
    assert spill.sizes == [5, 0, 100_000, 1]
    for numbers in ([0], [1], [3, 2, 0], [0, 1, 2, 3], [2, 2], []):
        expected = [*(blocks[number] for number in numbers), np.empty(0, np.float32)]
        assert np.array_equal(spill.read(numbers), np.concatenate(expected))


def test_what_lies_scattered_in_memory_is_written_in_its_order(spill):
    spill.append(np.arange(10, dtype=np.float32)[::2])
    assert spill.read([0]).tolist() == [0, 2, 4, 6, 8]


def test_a_full_disk_is_told_with_what_to_do(spill, monkeypatch):
    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr(spill, "_file", Full())
    with pytest.raises(BlemishError, match=r"No space left.*TMPDIR"):
        spill.append(np.zeros(3, np.float32))
