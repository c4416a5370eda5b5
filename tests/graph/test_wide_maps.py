"""Maps in bands against those of one matrix an axis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemish.graph.maps import enlarge
from blemish.graph.preprocessing import geometry
from blemish.graph.tile_grid import Tiles
from blemish.graph.wide_maps import enlarge_in_bands
from blemish.graph.working_size import WorkingSize
from graphs import graph_of, inner_tensors, run_nodes

TILES = Tiles((32, 32), 16, 8)
SIZES = {
    "stretch": WorkingSize((64, 96), "stretch", 8, TILES),
    "shorter": WorkingSize((48, 48), "shorter", 8, TILES),
    "longer": WorkingSize((70, 70), "longer", 8, TILES),
    "scale": WorkingSize((32, 32), "scale", 8, TILES, scale=700),
}
side = st.integers(5, 190)


def nodes(size, sigma):
    def add(g):
        sizes = geometry(g, "image_hw", size)
        return [f(g, "grid", sizes, sigma_px=sigma) for f in (enlarge, enlarge_in_bands)]

    return add


def inputs(size, image_hw, seed=0):
    padded = size.working_hw(image_hw)[1]
    grid = np.random.default_rng(seed).random((2, padded[0] // 8, padded[1] // 8))
    return {"grid": grid.astype(np.float32) * 100, "image_hw": np.array(image_hw, np.int64)}


@settings(max_examples=60, deadline=None)
@given(
    way=st.sampled_from(list(SIZES)),
    image_hw=st.tuples(side, side),
    sigma=st.sampled_from([0.0, 0.7, 4.0]),
)
def test_they_are_the_same(way, image_hw, sigma):
    size = SIZES[way]
    whole, in_bands = run_nodes(nodes(size, sigma), **inputs(size, image_hw))
    np.testing.assert_allclose(in_bands, whole, atol=2e-3)


@pytest.mark.parametrize("image_hw", [(1, 1), (5, 900), (64, 64)])
def test_no_tensor_is_empty(image_hw):
    size = SIZES["longer"]
    given = inputs(size, image_hw)
    inner = inner_tensors(graph_of(nodes(size, 1.0), **given), **given)
    assert all(value.size for value in inner.values())
