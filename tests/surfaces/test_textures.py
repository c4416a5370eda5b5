"""Drawn textures: each a function of its number, all unlike each other."""

from __future__ import annotations

import numpy as np

from blemish.surfaces.textures import KINDS, draw


def test_drawn_images_depend_on_their_number_alone():
    images = [draw(number, seed=0, side_px=48) for number in range(40)]
    np.testing.assert_array_equal(draw(7, seed=0, side_px=48), images[7])
    assert all(image.shape == (48, 48, 3) for image in images)
    assert len({image.tobytes() for image in images}) == 40
    assert np.mean([image.std() > 3 for image in images]) > 0.9
    for kind in KINDS:
        field = kind(np.random.default_rng(1), 48)
        assert field.shape == (48, 48)
        assert np.isfinite(field).all()
