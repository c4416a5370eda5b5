"""What a motion means, point by point."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.alignment import Motion
from blemish.alignment.template import turns


def test_a_point_of_an_image_is_told_on_the_reference():
    motion = Motion((3.0, -2.0), 90.0, 2.0, 1.0)
    # The middle of 11 x 21 pixels is (10, 5); right of it by 2 on the reference is below it by 4.
    x, y = motion.on_reference(10 + 3, 5 - 2 + 4, (11, 21))
    assert (float(x), float(y)) == pytest.approx((12.0, 5.0))


def test_what_is_drawn_on_the_reference_is_drawn_on_the_image():
    drawn = np.zeros((11, 21), np.uint8)
    drawn[5, 12] = 7
    moved = Motion((3.0, -2.0), 90.0, 1.0, 1.0).on_image(drawn)
    assert moved.dtype == np.uint8
    assert moved[5 - 2 + 2, 10 + 3] == 7
    assert (moved == 7).sum() == 1


def test_what_lies_beyond_the_reference_is_nothing():
    moved = Motion((6.0, 0.0), 0.0, 1.0, 1.0).on_image(np.ones((4, 10), bool))
    assert (moved == (np.arange(10) >= 6)).all()


@pytest.mark.parametrize("degrees", [0.0, 1.0, 10.0, 29.0, 180.0])
def test_turns_reach_to_both_sides_in_small_steps(degrees):
    tried = sorted(turns(degrees))
    assert turns(degrees)[0] == 0
    assert (np.diff(tried) <= 3.0001).all()
    if degrees < 180:
        assert (tried[0], tried[-1]) == (-degrees, degrees)
    else:
        assert len({turn % 360 for turn in tried}) == len(tried) == 120
