from __future__ import annotations

import numpy as np

from blemish.images.side_by_side import CASING_RGB, LEAST_PX, NOT_KEPT_RGB, Pair, beside, in_a_row


def plain(value, size=8):
    return np.full((size, size, 3), value, np.uint8)


def test_pairs_stand_beside_the_image_which_stays_as_it_is():
    image = np.random.default_rng(0).integers(0, 255, (200, 100, 3)).astype(np.uint8)
    drawn = beside(image, [Pair(plain(10), plain(200)), Pair(plain(20), None)])
    np.testing.assert_array_equal(drawn[:, :100], image)
    side, gap = 50, 3
    first = drawn[gap + side // 2]
    assert first[100 + gap + side // 2].tolist() == [10] * 3
    assert first[100 + 2 * gap + side + side // 2].tolist() == [200] * 3
    second = drawn[2 * gap + side + side // 2]
    assert second[100 + 2 * gap + side + side // 2].tolist() == list(NOT_KEPT_RGB)
    assert drawn[-1, -1].tolist() == list(CASING_RGB)


def test_only_pairs_that_fit_are_drawn_and_one_always_does():
    pairs = [Pair(plain(10), plain(200))] * 9
    assert beside(plain(0, 200), pairs).shape[0] == 200
    small = beside(plain(0, 8), pairs)
    assert small.shape[0] == LEAST_PX + 2 * 3


def test_pairs_in_a_row_are_told_apart_by_wider_gaps():
    drawn = in_a_row([Pair(plain(10), plain(200)), Pair(plain(20), None)], side_px=32)
    assert drawn.shape == (36, 2 * (64 + 6) + 2, 3)
    assert drawn[18, 2 + 16].tolist() == [10] * 3
    assert drawn[18, 70 + 2 + 16].tolist() == [20] * 3
