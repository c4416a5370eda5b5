from __future__ import annotations

import re

import pytest
from PIL import Image

from blemish.errors import BlemishError, ImageError, SettingError
from blemish.images.header import READER
from blemish.model import judging
from blemish.model.facts import WorkingFacts
from blemish.model.judging import judging_memory

GIGABYTE = 10**9
STRETCHED = WorkingFacts((256, 256), "stretch")


def test_an_image_weighs_by_its_pixels_and_depth() -> None:
    allowed = judging_memory(STRETCHED, 10**6, 4 * GIGABYTE)
    small, large = allowed.weigh((100, 1000)), allowed.weigh((1000, 1000))
    assert large - small == judging.DECODED_PIXEL_BYTES[8] * (1000 - 100) * 1000
    assert allowed.weigh((1000, 1000), 16) > large


def test_a_long_image_that_keeps_its_aspect_weighs_by_its_working_size_too() -> None:
    kept = judging_memory(WorkingFacts((256, 256), "shorter"), 10**6, 4 * GIGABYTE)
    stretched = judging_memory(STRETCHED, 10**6, 4 * GIGABYTE)
    assert kept.weigh((300, 15_000)) > 2 * stretched.weigh((300, 15_000))


def typed(error: BlemishError) -> int:
    """What an error tells to type, in bytes."""
    (told,) = re.findall(r"(?:at least|'memory_bytes' to) (\d+\.\d+) GB", str(error))
    return round(float(told) * GIGABYTE)


def test_an_image_that_alone_takes_too_much_says_what_would_help() -> None:
    allowed = judging_memory(STRETCHED, 10**6, GIGABYTE)
    with pytest.raises(
        ImageError, match=r"10000 x 9900 pixels .* 3\.\d\d GB .*'memory_bytes'"
    ) as told:
        allowed.weigh((9900, 10_000))
    assert judging_memory(STRETCHED, 10**6, typed(told.value)).weigh((9900, 10_000))


def test_a_model_that_alone_takes_too_much_says_the_least() -> None:
    with pytest.raises(SettingError, match=r"at least .* for this model; got 2\.00 GB") as told:
        judging_memory(STRETCHED, GIGABYTE, 2 * GIGABYTE)
    assert judging_memory(STRETCHED, GIGABYTE, typed(told.value))


def test_by_default_it_is_half_of_what_the_machine_has(monkeypatch) -> None:
    monkeypatch.setattr(judging, "allowed_bytes", lambda: 6 * GIGABYTE)
    assert judging_memory(STRETCHED, 0, None).allowed_bytes == 3 * GIGABYTE
    monkeypatch.setattr(judging, "allowed_bytes", lambda: 2 * 10**6)
    assert judging_memory(STRETCHED, 0, None).weigh((256, 256))  # small ones are judged everywhere


def test_a_low_and_wide_image_weighs_by_the_rows_that_it_is_stretched_to() -> None:
    allowed = judging_memory(STRETCHED, 10**6, 20 * GIGABYTE)
    rows = judging.STRETCHED_BYTES * 256 * 600_000
    assert allowed.weigh((8, 600_000)) - allowed.weigh((600_000, 8)) > 0.9 * rows


def test_a_large_file_of_a_small_image_weighs_as_a_file(tmp_path) -> None:
    allowed = judging_memory(STRETCHED, 10**6, GIGABYTE)
    path = tmp_path / "small.png"
    Image.new("RGB", (64, 64)).save(path)
    small = allowed.weigh_image(path, READER)
    with path.open("ab") as file:
        file.truncate(200 * 10**6)
    assert allowed.weigh_image(path, READER) - small > 300 * 10**6


def test_aligned_images_take_more():
    plain = judging_memory(STRETCHED, 10**6, 4 * GIGABYTE)
    aligned = judging_memory(STRETCHED, 10**6, 4 * GIGABYTE, aligned=True)
    assert aligned.weigh((3000, 4000)) - plain.weigh((3000, 4000)) == 56 * 12 * 10**6
