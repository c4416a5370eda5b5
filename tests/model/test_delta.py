from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blemish.model.delta import BLOCK, DeltaError, applied, delta

MOST = 10**7


def noise(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, count, np.uint8).tobytes()


@given(
    st.lists(st.sampled_from([b"", b"a", b"abc" * 50, noise(300), noise(500, 1), bytes(200)])),
    st.lists(st.sampled_from([b"", b"b", b"abc" * 50, noise(300), noise(500, 1), bytes(200)])),
)
def test_the_old_file_comes_back_byte_for_byte(old, new):
    old, new = b"".join(old), b"".join(new)
    assert applied(delta(old, new), new, most_bytes=MOST) == old


def test_what_moved_to_another_place_is_not_kept_twice():
    old = noise(100_000)
    new = noise(777, 1) + old[50_003:] + b"between" + old[:50_003]
    found = delta(old, new)
    assert len(found) < 500
    assert applied(found, new, most_bytes=MOST) == old


def test_what_only_the_old_file_has_is_kept_and_little_else():
    old = noise(100_000)
    new = old[:40_000] + old[45_000:]
    assert 5_000 <= len(delta(old, new)) < 5_000 + 4 * BLOCK


def test_long_files_are_compared_in_windows(monkeypatch):
    monkeypatch.setattr("blemish.model.delta.WINDOW", 1000)
    old = noise(10_000)
    new = b"x" + old[:4_990] + b"y" + old[4_990:]
    found = delta(old, new)
    assert len(found) < 500
    assert applied(found, new, most_bytes=MOST) == old


def test_a_damaged_delta_is_told():
    old, new = noise(5_000), noise(5_000, 1)
    found = delta(old, new)
    for damaged in (b"", b"no delta", found[:-9], delta(new, old[:100])):
        with pytest.raises(DeltaError):
            found = applied(damaged, b"", most_bytes=MOST)
            raise DeltaError("another file" if found != old else "")


def test_no_more_comes_than_is_allowed():
    with pytest.raises(DeltaError):
        applied(delta(bytes(10_000), b""), b"", most_bytes=1_000)
    with pytest.raises(DeltaError):
        applied(delta(bytes(10_000), bytes(10_000)), bytes(10_000), most_bytes=1_000)
