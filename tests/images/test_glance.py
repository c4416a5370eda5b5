"""How images look: each number moves with what it is for, and with little else."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from blemish.images.glance import SIDE, Typical, glance_at, look_without_place, looks_of

WHITE = 255


def part(seed, *, right_px=0.0, down_px=0.0, turn_deg=0.0, side=160):
    """A bright bar on a dark ground, a little noisy."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((side, side)) - (side - 1) / 2.0
    columns, rows = columns - right_px, rows - down_px
    angle = np.deg2rad(turn_deg)
    along = columns * np.cos(angle) + rows * np.sin(angle)
    across = rows * np.cos(angle) - columns * np.sin(angle)
    bar = 1 / (1 + np.exp(np.maximum(abs(along) - 50, abs(across) - 22) / 3))
    grey = 60 + 120 * bar + rng.normal(0, 3, bar.shape)
    return np.repeat(np.clip(grey, 0, 255).round().astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def typical():
    return Typical(looks_of([glance_at(part(n)) for n in range(12)], white_level=WHITE).mean)


def look(typical, image):
    return typical.look(glance_at(image), white_level=WHITE)


def test_shift_and_turn_are_told_to_first_order(typical):
    assert look(typical, part(50, right_px=4)).right == pytest.approx(4 / 160, rel=0.3)
    assert look(typical, part(50, down_px=-4)).down == pytest.approx(-4 / 160, rel=0.3)
    assert look(typical, part(50, turn_deg=3)).turn_deg == pytest.approx(3, rel=0.3)
    still = look(typical, part(50))
    assert abs(still.right) < 0.002
    assert abs(still.down) < 0.002
    assert abs(still.turn_deg) < 0.3


def test_a_turn_as_pillow_makes_it_has_the_other_sign(typical):
    turned = np.asarray(Image.fromarray(part(50)).rotate(-3, Image.Resampling.BICUBIC))
    assert look(typical, turned).turn_deg > 2  # Pillow turns anticlockwise


def test_light_moves_brightness_and_contrast_alone(typical):
    before = look(typical, part(50))
    after = look(typical, np.round(part(50) * 0.9).astype(np.uint8))
    assert after.brightness == pytest.approx(0.9 * before.brightness, rel=0.01)
    assert after.contrast == pytest.approx(0.9 * before.contrast, rel=0.01)
    assert after.sharpness == pytest.approx(before.sharpness, rel=0.02)
    assert after.turn_deg == pytest.approx(before.turn_deg, abs=0.3)


def test_blur_lowers_sharpness(typical):
    blurred = np.asarray(Image.fromarray(part(50)).filter(ImageFilter.GaussianBlur(2)))
    before, after = look(typical, part(50)), look(typical, blurred)
    assert after.sharpness < 0.5 * before.sharpness
    assert after.brightness == pytest.approx(before.brightness, rel=0.01)


def test_slant_tells_how_edges_run():
    rows, columns = np.indices((90, 120))
    for sign in (1, -1):
        stripes = (127 + 100 * np.sin((rows + sign * columns) / 4)).astype(np.uint8)
        slant = glance_at(np.repeat(stripes[..., None], 3, axis=2)).slant
        assert sign * slant > 0.9


def test_one_of_the_images_is_compared_with_the_mean_of_the_others():
    images = [part(n, right_px=n - 3) for n in range(7)]
    looks = looks_of([glance_at(image) for image in images], white_level=WHITE)
    others = looks_of([glance_at(image) for image in images[1:]], white_level=WHITE)
    alone = Typical(others.mean).look(glance_at(images[0]), white_level=WHITE)
    assert looks.images[0].right == pytest.approx(alone.right, rel=0.1)


def test_values_are_shares_of_white():
    eight = part(50)
    sixteen = eight.astype(np.uint16) * 257
    one = look_without_place(glance_at(eight), white_level=255)
    other = look_without_place(glance_at(sixteen), white_level=65535)
    assert one.brightness == pytest.approx(other.brightness, abs=1e-4)
    assert one.sharpness == pytest.approx(other.sharpness, abs=1e-3)
    assert one.right is None


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 2), (1, 500), (500, 1), (3, 3), (40, 31), (700, 90), (64, 2000)]
)
@pytest.mark.parametrize("flat", [True, False])
def test_any_image_has_a_look(typical, size, flat):
    rng = np.random.default_rng(0)
    image = np.zeros((*size, 3), np.uint8)
    if not flat:
        image += rng.integers(0, 256, image.shape, dtype=np.uint8)
    glance = glance_at(image)
    assert glance.thumbnail.shape == (SIDE, SIDE)
    assert np.isfinite(look(typical, image)).all()
    assert looks_of([glance], white_level=WHITE).images[0].turn_deg == pytest.approx(0, abs=1e-3)


def test_the_same_pixels_look_the_same():
    assert look_without_place(glance_at(part(1)), white_level=1) == look_without_place(
        glance_at(part(1)), white_level=1
    )
