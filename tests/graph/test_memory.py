from __future__ import annotations

import pytest

from blemish.errors import ImageError, SettingError
from blemish.graph import memory
from blemish.graph.memory import judging_memory

GIGABYTE = 10**9
FACTS = {"detector": {"settings": {"image_size": 256, "fit": "stretch"}}}


def test_an_image_weighs_by_its_pixels_and_depth() -> None:
    allowed = judging_memory(FACTS, 10**6, 4 * GIGABYTE)
    small, large = allowed.weigh((100, 100)), allowed.weigh((1000, 1000))
    assert large - small == memory.DECODED_PIXEL_BYTES[8] * (1000 * 1000 - 100 * 100)
    assert allowed.weigh((1000, 1000), 16) > large


def test_a_long_image_that_keeps_its_aspect_weighs_by_its_working_size_too() -> None:
    settings = {"image_size": 256, "fit": "shorter"}
    kept = judging_memory({"detector": {"settings": settings}}, 10**6, 4 * GIGABYTE)
    stretched = judging_memory(FACTS, 10**6, 4 * GIGABYTE)
    assert kept.weigh((300, 15_000)) > 2 * stretched.weigh((300, 15_000))


def test_an_image_that_alone_takes_too_much_says_what_would_help() -> None:
    allowed = judging_memory(FACTS, 10**6, GIGABYTE)
    with pytest.raises(ImageError, match=r"10000 x 9900 pixels .* 3\.7 GB .*1\.0 GB .*--memory"):
        allowed.weigh((9900, 10_000))


def test_a_model_that_alone_takes_too_much_says_the_least() -> None:
    with pytest.raises(SettingError, match=r"at least \d+\.\d GB for this model; got 2\.0 GB"):
        judging_memory(FACTS, GIGABYTE, 2 * GIGABYTE)


def test_by_default_it_is_half_of_what_the_machine_has(monkeypatch) -> None:
    monkeypatch.setattr(memory, "allowed_bytes", lambda: 6 * GIGABYTE)
    assert judging_memory(FACTS, 0, None).allowed_bytes == 3 * GIGABYTE
    monkeypatch.setattr(memory, "allowed_bytes", lambda: 2 * 10**6)
    assert judging_memory(FACTS, 0, None).weigh((256, 256))  # small ones are judged everywhere
