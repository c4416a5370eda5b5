"""Resizing as products of matrices against Pillow, whatever the sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from blemish.graph.resizing import resize
from graphs import graph_of, inner_tensors, run_nodes

side = st.integers(1, 70)


def images(height, width, dtype=np.uint8, seed=0):
    high = np.iinfo(dtype).max
    noise = np.random.default_rng(seed).integers(0, high, (2, height, width, 3), endpoint=True)
    return noise.astype(dtype)


def nodes(to_hw, known):
    def add(g):
        size = g.op("Slice", g.op("Shape", "image"), g.ints(1), g.ints(3), g.ints(0))
        return [resize(g, "image", size, g.ints(*to_hw), known_hw=to_hw if known else None)]

    return add


def by_pillow(values, to_hw):
    size, way = to_hw[::-1], Image.Resampling.BILINEAR
    planes = values.transpose(0, 3, 1, 2).astype(np.float32)
    resized = [[Image.fromarray(plane).resize(size, way) for plane in image] for image in planes]
    return np.stack([np.stack([np.asarray(plane) for plane in image]) for image in resized])


@settings(max_examples=60, deadline=None)
@given(from_hw=st.tuples(side, side), to_hw=st.tuples(side, side), known=st.booleans())
@example(from_hw=(1, 1), to_hw=(8, 9), known=True)
@example(from_hw=(1, 3000), to_hw=(16, 16), known=True)
@example(from_hw=(3000, 2), to_hw=(7, 64), known=False)
def test_it_equals_pillows_antialiased_bilinear(from_hw, to_hw, known):
    values = images(*from_hw)
    (out,) = run_nodes(nodes(to_hw, known), image=values)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, by_pillow(values, to_hw), rtol=1e-6, atol=2e-4)  # of sums


def test_sixteen_bits():
    values = images(300, 200, np.uint16)
    (out,) = run_nodes(nodes((64, 64), True), image=values)
    np.testing.assert_allclose(out, by_pillow(values, (64, 64)), atol=2e-2)


@pytest.mark.parametrize("from_hw", [(1, 1), (5, 900), (64, 64)])
def test_a_constant_stays_as_it_is_and_no_tensor_is_empty(from_hw):
    values = np.full((1, *from_hw, 3), 200, np.uint8)
    inner = inner_tensors(graph_of(nodes((24, 30), False), image=values), image=values)
    assert all(value.size for value in inner.values())
    np.testing.assert_allclose(inner["out_0"], 200, rtol=1e-6)
