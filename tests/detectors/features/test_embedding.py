"""Patches from feature maps, against plain definitions and the authors' own output."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.detectors.features.embedding import embed, pooled_kernels
from graphs import run_nodes
from oracles.patches import concatenated_embedding, pooled_embedding


def embed_levels(levels, *, side=3, width=None):
    """Levels N x C x h x w, finest first, to N x h x w x D."""
    heights = [level.shape[2] for level in levels]
    names = {f"level{i}": level for i, level in enumerate(levels)}

    def add(g):
        return [
            embed(
                g,
                list(names),
                channels=[level.shape[1] for level in levels],
                strides=[heights[0] * 4 // height for height in heights],
                side=side,
                width=width,
            )
        ]

    return run_nodes(add, **names)[0]


def levels_of(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((2, *shape)).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize("side", [1, 3, 5])
def test_concat_equals_the_plain_definition(side):
    levels = levels_of((6, 8, 10), (9, 4, 5))
    found = embed_levels(levels, side=side)
    for i in range(2):
        expected = concatenated_embedding([level[i] for level in levels], side)
        np.testing.assert_allclose(found[i], expected, atol=1e-5)


def test_beyond_the_border_neighbourhoods_hold_zeros_that_count():
    """The image's AUROC falls by .05 to .24 where only what is inside is averaged."""
    ones = np.ones((1, 2, 4, 5), np.float32)
    (found,) = embed_levels([ones], side=3)
    np.testing.assert_allclose(found[0, 0], 4 / 9, rtol=1e-6)
    np.testing.assert_allclose(found[0, 2], 6 / 9, rtol=1e-6)
    np.testing.assert_allclose(found[2, 2], 1, rtol=1e-6)


@pytest.mark.parametrize("width", [16, 10, 22])
def test_pooled_equals_the_plain_definition_for_any_ratio_of_channels(width):
    levels = levels_of((6, 8, 10), (9, 4, 5))
    found = embed_levels(levels, width=width)
    for i in range(2):
        expected = pooled_embedding([level[i] for level in levels], 3, width)
        np.testing.assert_allclose(found[i], expected, atol=1e-5)


def test_pooled_kernels_of_wide_resnet_are_those_worked_out_by_hand():
    layer2, layer3 = pooled_kernels([512, 1024], 3, 1024)
    centre = np.full((3, 3), 0.1)
    centre[1, 1] = 0.2
    np.testing.assert_allclose(layer2[7, 7], centre, atol=1e-7)
    assert np.count_nonzero(layer2[7].any(axis=(1, 2))) == 1
    np.testing.assert_allclose(layer3[7, 14:16], np.full((2, 3, 3), 1 / 18), atol=1e-7)
    assert np.count_nonzero(layer3[7].any(axis=(1, 2))) == 2


@pytest.mark.parametrize("case", ["wrn_ratio_128", "embed_64"])
def test_pooled_agrees_with_the_authors_code(shared, case):
    z = np.load(shared / "oracles" / "patchcore" / f"{case}.npz")
    levels = [z["layer2"].astype(np.float32), z["layer3"].astype(np.float32)]
    width = z["embeddings"].shape[2]
    found = embed_levels(levels, width=width)
    np.testing.assert_allclose(found.reshape(z["embeddings"].shape), z["embeddings"], atol=1e-5)


def test_concat_agrees_with_the_common_reimplementation(shared):
    folder = shared / "oracles" / "patchcore"
    z, other = np.load(folder / "embed_64.npz"), np.load(folder / "embed_64_anomalib.npz")
    levels = [z["layer2"].astype(np.float32), z["layer3"].astype(np.float32)]
    row = embed_levels(levels)[4, 12]
    np.testing.assert_allclose(row, other["own_embedding_image4_row12"], atol=1e-5)
