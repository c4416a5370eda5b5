"""Synthetic defects: of every place and content, seen, bounded, and none of the drawn surfaces."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import blemish.detectors.synthetic as package
from blemish.detectors.synthetic.contents import CONTENTS
from blemish.detectors.synthetic.covers import COVERS, softened
from blemish.detectors.synthetic.spoil import LEAST_PX, SOFTEST, spoil
from blemish.surfaces.drawing import SURFACES, draw_good

SIZE_HW = (96, 128)


def good(number=0):
    height, width = SIZE_HW
    drawn = draw_good("leather", number, size_px=128).astype(np.float32)
    return drawn[:height, :width]


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("cover", COVERS)
def test_a_defect_is_seen_where_its_mask_is_and_the_rest_of_the_image_stays(cover, content):
    spoilt = spoil(np.random.default_rng(3), good(), good(1), cover=cover, content=content)
    assert (spoilt.cover, spoilt.content) == (cover, content)
    assert spoilt.image.shape == good().shape
    assert spoilt.image.dtype == np.float32
    assert (spoilt.image >= 0).all() and (spoilt.image <= 255).all()
    assert spoilt.mask.sum() >= LEAST_PX
    changed = np.abs(spoilt.image - good()).max(axis=2)
    assert changed[spoilt.mask].mean() > 4
    reach_px = round(5 * SOFTEST * min(SIZE_HW)) + 8  # of an edge, and of what is near
    around = softened(spoilt.mask.astype(np.float32), reach_px) > 0
    beyond = ~around & (np.abs(spoilt.image - good()).max(axis=2) > 8)
    assert beyond.sum() <= 0.05 * changed.size  # faint parts of a cover are no defect


@pytest.mark.parametrize("content", CONTENTS)
def test_grey_images_stay_grey(content):
    grey = np.repeat(good().mean(axis=2, keepdims=True), 3, axis=2)
    image = spoil(np.random.default_rng(0), grey, grey, content=content).image
    np.testing.assert_array_equal(image, image[..., :1].repeat(3, axis=2))


def test_the_same_numbers_give_the_same_defect_and_the_image_given_is_not_touched():
    image = good()
    before = image.copy()
    one, same, other = (spoil(np.random.default_rng(s), image, good(1)) for s in (7, 7, 8))
    np.testing.assert_array_equal(one.image, same.image)
    np.testing.assert_array_equal(one.mask, same.mask)
    assert (one.image != other.image).any()
    np.testing.assert_array_equal(image, before)


def test_defects_are_small_and_large():
    shares = [spoil(np.random.default_rng(s), good(), good(1)).mask.mean() for s in range(120)]
    assert min(shares) < 0.002
    assert np.quantile(shares, 0.25) < 0.02
    assert max(shares) > 0.2


def test_a_flat_image_gets_a_defect_too():
    flat = np.full((64, 64, 3), 128, np.float32)
    spoilt = [spoil(np.random.default_rng(s), flat, flat) for s in range(20)]
    assert sum(one.mask.any() for one in spoilt) == len(spoilt)


def test_they_are_none_of_the_drawn_surfaces():
    """Else figures on these would be figures on what was learned."""
    drawn = {kind for kinds in SURFACES.values() for kind in kinds}
    assert not drawn & {*COVERS, *CONTENTS}
    for path in Path(package.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [getattr(node, "module", None), *(a.name for a in getattr(node, "names", []))]
            assert not any(name and name.startswith("blemish.surfaces") for name in names), path
