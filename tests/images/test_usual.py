"""What tells an image that is like none of the training images."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from blemish.images.appearance import SAMPLED_PIXELS, Appearance, appearance_of
from blemish.images.usual import Usual, usual_of
from blemish.typed_json import JsonError, as_json, as_type

Pixels = NDArray[np.uint8]


def image(seed: int, size_hw: tuple[int, int] = (96, 128), *, grey: bool = False) -> Pixels:
    """Noise about a reddish or grey level of its own."""
    rng = np.random.default_rng(seed)
    level = np.array([0, 0, 0] if grey else [40, 0, -30]) + 120 + rng.integers(-8, 8)
    noise = rng.normal(0, 25, (*size_hw, 1))
    return np.clip(level + noise, 0, 255).astype(np.uint8)


def usual(*, grey: bool = False) -> Usual:
    return usual_of(look(image(seed, grey=grey)) for seed in range(20))


def look(pixels: Pixels) -> Appearance:
    return appearance_of(pixels).relative(255)


def codes(usual: Usual, pixels: Pixels) -> list[str]:
    return [note.code for note in usual.notes(look(pixels))]


def test_new_images_of_the_same_kind_have_no_notes() -> None:
    for grey in (False, True):
        like = usual(grey=grey)
        assert not any(codes(like, image(seed, grey=grey)) for seed in range(100, 120))


def test_slightly_other_sizes_are_no_departure() -> None:
    assert codes(usual(), image(99, (100, 130))) == []


@pytest.mark.parametrize(
    ("departed", "expected"),
    [
        (image(99, (192, 256)), "size"),
        (image(99, (48, 64)), "size"),
        (image(99, (128, 96)), "aspect"),
        (image(99, (96, 110)), "aspect"),
        (image(99) // 2, "brightness"),
        (np.clip(image(99) * 1.5, 0, 255).astype(np.uint8), "brightness"),
        (255 - image(99) // 2, "brightness"),
        (np.clip(image(99) * 2.0 - 120, 0, 255).astype(np.uint8), "contrast"),
        (np.full((96, 128, 3), image(99).mean(axis=(0, 1)), np.uint8), "contrast"),
        (image(99, grey=True), "colour"),
        (np.zeros((96, 128, 3), np.uint8), "brightness"),
    ],
)
def test_a_departure_is_noted(departed: Pixels, expected: str) -> None:
    assert expected in codes(usual(), departed)


def test_colour_among_grey_and_grey_among_coloured_are_told_apart() -> None:
    (note,) = usual(grey=True).notes(look(image(99)))
    assert note.message == "It is in colour, the training images are grey."
    (note,) = usual().notes(look(image(99, grey=True)))
    assert note.message == "It is grey, the training images are in colour."


def test_sentences_name_both_sides() -> None:
    size, aspect = usual().notes(look(image(99, (300, 128))))
    assert size.message == "It is 128 x 300 pixels, the training images are 128 x 96."
    assert aspect.message == (
        "Its aspect ratio (width / height) is 0.43, that of the training images 1.33."
    )


def test_black_is_never_usual() -> None:
    wide = usual_of(look(np.full((16, 16, 3), v, np.uint8)) for v in (8, 250))
    assert "brightness" in codes(wide, np.zeros((16, 16, 3), np.uint8))


def test_values_of_16_bits_are_relative_to_white() -> None:
    deep = image(1).astype(np.uint16) * 16
    found, expected = appearance_of(deep).relative(255 * 16), look(image(1))
    np.testing.assert_allclose(
        (found.brightness, found.contrast, found.colour),
        (expected.brightness, expected.contrast, expected.colour),
        rtol=1e-4,
    )


def test_a_sample_of_pixels_is_near_all_of_them_whatever_the_texture() -> None:
    rows, columns = np.mgrid[:1000, :1200]
    for period in (2, 3, 8, 64):
        mesh = ((rows % period == 0) | (columns % period == 0)).astype(np.uint8) * 200
        pixels = np.repeat(mesh[:, :, None], 3, axis=2)
        assert pixels[:, :, 0].size > SAMPLED_PIXELS
        assert appearance_of(pixels).brightness == pytest.approx(pixels.mean(), abs=3)


def test_ranges_come_back_from_a_model_file() -> None:
    again = as_type(json.loads(json.dumps(as_json(usual()))), Usual)
    assert again == usual()


def test_a_range_that_ends_below_where_it_begins_is_refused() -> None:
    stored = as_json(usual()) | {"colour": [2, 1]}
    with pytest.raises(JsonError, match="colour goes from 2 to 1"):
        as_type(stored, Usual)
