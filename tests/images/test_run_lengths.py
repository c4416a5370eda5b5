from __future__ import annotations

import numpy as np
import pytest

from blemish.images.run_lengths import box_of, from_text, mask_of, run_lengths, to_text


def masks(count):
    rng = np.random.default_rng(7)
    yield np.ones((1, 1), np.bool_)
    yield np.zeros((3, 2), np.bool_)
    wide = np.zeros((600, 900), np.bool_)
    wide[3:590, 2:880] = True
    yield wide
    for _ in range(count):
        yield rng.random(rng.integers(1, 60, 2)) < rng.random()


def test_lengths_go_down_the_columns_and_begin_with_what_is_not_set():
    assert run_lengths(np.array([[1, 0], [1, 1]], np.bool_)).tolist() == [0, 2, 1, 1]
    assert run_lengths(np.array([[0, 0, 1]], np.bool_)).tolist() == [2, 1]


def test_masks_come_back():
    for mask in masks(100):
        lengths = run_lengths(mask)
        assert np.array_equal(mask_of(lengths, mask.shape), mask)
        assert np.array_equal(from_text(to_text(lengths)), lengths)


def test_texts_are_those_of_pycocotools():
    mask_utils = pytest.importorskip("pycocotools.mask")
    for mask in masks(100):
        expected = mask_utils.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
        assert to_text(run_lengths(mask)) == expected
        assert np.array_equal(mask_of(from_text(expected), mask.shape), mask)


@pytest.mark.parametrize("text", ["", "\t", "o", "0o", "é", "oooooooooo0"])
def test_damaged_texts_are_refused(text):
    with pytest.raises(ValueError, match="damaged"):
        from_text(text)


@pytest.mark.parametrize("lengths", [[5], [4, 3], [7, -1], [2**40, 6 - 2**40]])
def test_lengths_of_another_size_are_refused(lengths):
    with pytest.raises(ValueError, match="2 x 3 pixels"):
        mask_of(np.array(lengths), (2, 3))


@pytest.mark.parametrize("seed", range(20))
def test_the_box_around_a_mask(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 9, 2)) < rng.choice([0.02, 0.2, 0.8])
    ys, xs = np.nonzero(mask)
    expected = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) if len(xs) else None
    assert box_of(run_lengths(mask), mask.shape[0]) == expected
