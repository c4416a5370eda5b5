from __future__ import annotations

import re

import pytest

from blemish.errors import BlemishError, ImageError, SettingError
from blemish.model import judging
from blemish.model.judging import judging_memory

GIGABYTE = 10**9
FACTS = {"detector": {"settings": {"image_size": 256, "fit": "stretch"}}}


def test_an_image_weighs_by_its_pixels_and_depth() -> None:
    allowed = judging_memory(FACTS, 10**6, 4 * GIGABYTE)
    small, large = allowed.weigh((100, 100)), allowed.weigh((1000, 1000))
    assert large - small == judging.DECODED_PIXEL_BYTES[8] * (1000 * 1000 - 100 * 100)
    assert allowed.weigh((1000, 1000), 16) > large


def test_a_long_image_that_keeps_its_aspect_weighs_by_its_working_size_too() -> None:
    settings = {"image_size": 256, "fit": "shorter"}
    kept = judging_memory({"detector": {"settings": settings}}, 10**6, 4 * GIGABYTE)
    stretched = judging_memory(FACTS, 10**6, 4 * GIGABYTE)
    assert kept.weigh((300, 15_000)) > 2 * stretched.weigh((300, 15_000))


def typed(error: BlemishError) -> int:
    """What an error tells to type, in bytes."""
    (told,) = re.findall(r"(?:at least|'memory_bytes' to) (\d+\.\d+) GB", str(error))
    return round(float(told) * GIGABYTE)


def test_an_image_that_alone_takes_too_much_says_what_would_help() -> None:
    allowed = judging_memory(FACTS, 10**6, GIGABYTE)
    with pytest.raises(
        ImageError, match=r"10000 x 9900 pixels .* 3\.\d\d GB .*'memory_bytes'"
    ) as told:
        allowed.weigh((9900, 10_000))
    assert judging_memory(FACTS, 10**6, typed(told.value)).weigh((9900, 10_000))


def test_a_model_that_alone_takes_too_much_says_the_least() -> None:
    with pytest.raises(SettingError, match=r"at least .* for this model; got 2\.00 GB") as told:
        judging_memory(FACTS, GIGABYTE, 2 * GIGABYTE)
    assert judging_memory(FACTS, GIGABYTE, typed(told.value))


def test_by_default_it_is_half_of_what_the_machine_has(monkeypatch) -> None:
    monkeypatch.setattr(judging, "allowed_bytes", lambda: 6 * GIGABYTE)
    assert judging_memory(FACTS, 0, None).allowed_bytes == 3 * GIGABYTE
    monkeypatch.setattr(judging, "allowed_bytes", lambda: 2 * 10**6)
    assert judging_memory(FACTS, 0, None).weigh((256, 256))  # small ones are judged everywhere
