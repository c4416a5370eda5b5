"""Grids joined from tiles against those of the whole working image, and where tiles lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blemish.graph.preprocessing import geometry, image_hw, normalise, preprocess
from blemish.graph.tile_grid import Tiles
from blemish.graph.tiling import Grid, over_tiles
from blemish.graph.working_size import WorkingSize
from blemish.images.format import ImageFormat
from graphs import graph_of, inner_tensors, run_nodes

CELL, STEP = 4, 8
AS_LEVELS = {"mean": (0.0,) * 3, "std": (1.0,) * 3}
side = st.integers(1, 150)


def images(hw, dtype=np.uint8, seed=0):
    high = np.iinfo(dtype).max
    values = np.random.default_rng(seed).integers(0, high, (2, *hw, 3), endpoint=True)
    return values.astype(dtype)


def cells(g, image):
    """What a network without padding or neighbourhood would give: the mean of each cell."""
    pooled = g.op("AveragePool", image, kernel_shape=[CELL] * 2, strides=[CELL] * 2)
    vectors = g.op("Transpose", pooled, perm=[0, 2, 3, 1])
    return [vectors, g.op("ReduceSum", vectors, g.ints(3), keepdims=0)]


def both(size):
    """Nodes that look at tiles, and at the whole."""

    def add(g):
        sizes = geometry(g, image_hw(g), size)
        grids = [Grid("vectors", axes=4), Grid("sums")]

        def look(inner, levels):
            return cells(inner, normalise(inner, levels, white_level=255, **AS_LEVELS))

        tiled = over_tiles(g, "image", sizes, size.tiles, look, cell_px=CELL, grids=grids)
        whole = preprocess(g, sizes, size, image_format=ImageFormat(), **AS_LEVELS)
        return [*tiled, *cells(g, whole)]

    return add


def sizes_of(tile_hw, overlap):
    tiles = Tiles(tile_hw, overlap, STEP)
    return {
        "stretch": WorkingSize((64, 96), "stretch", STEP, tiles),
        "shorter": WorkingSize((70, 70), "shorter", STEP, tiles),
        "longer": WorkingSize((110, 110), "longer", STEP, tiles),
        "half": WorkingSize(tile_hw, "scale", STEP, tiles, scale=500),
        "whole": WorkingSize(tile_hw, "scale", STEP, tiles),
    }


@settings(max_examples=80, deadline=None)
@given(
    way=st.sampled_from(list(sizes_of((32, 32), 0))),
    hw=st.tuples(side, side),
    tile_hw=st.sampled_from([(32, 32), (16, 64), (56, 24)]),
    overlap=st.integers(0, 15),
)
@example(way="whole", hw=(1, 1), tile_hw=(32, 32), overlap=8)
@example(way="whole", hw=(32, 32), tile_hw=(32, 32), overlap=8)
@example(way="longer", hw=(3, 1500), tile_hw=(16, 64), overlap=8)
def test_joined_they_are_those_of_the_whole(way, hw, tile_hw, overlap):
    if way != "longer" and max(hw) > 20 * min(hw):
        return  # of the shorter side they would be enormous
    tiled, tiled_sums, whole, sums = run_nodes(
        both(sizes_of(tile_hw, overlap)[way]), image=images(hw)
    )
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    np.testing.assert_allclose(tiled_sums, sums, atol=3e-5)


def test_all_pixels_as_they_are_come_out_exactly():
    size = sizes_of((32, 32), 8)["whole"]
    image = images((64, 80))
    tiled, _, _, _ = run_nodes(both(size), image=image)
    means = image.reshape(2, 16, CELL, 20, CELL, 3).mean(axis=(2, 4)) / 255
    np.testing.assert_allclose(tiled, means, atol=1e-6)


@pytest.mark.parametrize("hw", [(1, 1), (5, 900), (64, 64)])
def test_no_tensor_is_empty(hw):
    size, image = sizes_of((32, 32), 8)["longer"], images(hw)
    inner = inner_tensors(graph_of(both(size), image=image), image=image)
    assert all(value.size for value in inner.values())


@given(
    steps=st.integers(1, 60),
    tile=st.integers(1, 12),
    overlap=st.integers(0, 95),
)
def test_tiles_cover_all_overlap_by_enough_and_end_at_the_border(steps, tile, overlap):
    length, side_px = STEP * max(steps, tile), STEP * tile
    overlap = min(overlap, side_px - 1)
    origins = Tiles((side_px, side_px), overlap, STEP).origins(length, 0)
    assert origins[0] == 0
    assert origins[-1] == length - side_px
    assert all(origin % STEP == 0 for origin in origins)
    apart = np.diff(origins)
    assert (apart > 0).all()
    assert (apart <= max(STEP, side_px - overlap)).all()
    if len(apart):
        assert apart.max() - apart.min() <= STEP  # evenly
