"""How far parts may lie off, as people say it."""

from __future__ import annotations

import pytest

from blemish.alignment import Alignment
from blemish.errors import SettingError


@pytest.mark.parametrize(
    "text, expected",
    [
        ("30", Alignment(30.0)),
        ("0", Alignment(0.0)),
        (" 12.5 , scale", Alignment(12.5, scale=True)),
        ("180", Alignment(180.0)),
    ],
)
def test_an_alignment_is_named_by_degrees(text, expected):
    assert Alignment.named(text) == expected
    assert Alignment.named(str(expected)) == expected


@pytest.mark.parametrize("text", ["", "x", "-3", "30;scale", "181", "1e3", "nan", "30 scale"])
def test_anything_else_is_refused(text):
    with pytest.raises(SettingError, match="'align'"):
        Alignment.named(text)


@pytest.mark.parametrize("shift", [0.0, -0.1, 0.5, float("nan")])
def test_a_shift_is_a_share_of_the_longer_side(shift):
    with pytest.raises(SettingError, match="'shift' of an alignment"):
        Alignment(shift=shift)
