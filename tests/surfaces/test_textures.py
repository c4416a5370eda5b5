"""Drawn textures: each a function of its number, all unlike each other."""

from __future__ import annotations

import numpy as np

from blemish.surfaces.textures import KINDS, draw


def test_drawn_pictures_depend_on_their_number_alone():
    pictures = [draw(number, seed=0, side_px=48) for number in range(40)]
    np.testing.assert_array_equal(draw(7, seed=0, side_px=48), pictures[7])
    assert all(picture.shape == (48, 48, 3) for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) == 40
    assert np.mean([picture.std() > 3 for picture in pictures]) > 0.9
    for kind in KINDS:
        field = kind(np.random.default_rng(1), 48)
        assert field.shape == (48, 48)
        assert np.isfinite(field).all()
