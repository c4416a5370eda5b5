"""How sharp an image is."""

import numpy as np
from PIL import Image, ImageFilter

from blemish.station.sources.focus import seen
from blemish.surfaces.drawing import draw_good


def blurred(pixels, radius):
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def test_the_sharper_the_higher_also_with_noise():
    scene = draw_good("leather", 0, size_px=256)
    noise = np.random.default_rng(0).normal(0, 4, (5, *scene.shape))
    shots = [
        np.clip(blurred(scene, radius) + noise[n], 0, 255).astype(np.uint8)
        for n, radius in enumerate((0, 1, 2, 4, 8))
    ]
    focus = [seen(shot)["focus"] for shot in shots]
    assert focus == sorted(focus, reverse=True)
    assert len(set(focus)) == 5


def test_more_light_is_no_more_focus():
    scene = (draw_good("tile", 0, size_px=128) // 2).astype(np.uint8)
    assert abs(seen(scene * 2)["focus"] / seen(scene)["focus"] - 1) < 1e-5


def test_black_and_white_are_told():
    black, white = (np.full((16, 16, 3), value, np.uint16) for value in (0, 65535))
    assert seen(black)["focus"] == 0
    assert seen(black)["histogram"][0] == 1
    assert seen(white)["clipped"] == 1
    assert seen(white)["histogram"][-1] == 1
