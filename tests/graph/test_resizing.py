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


def planes(height, width, dtype=np.uint8, seed=0):
    high = np.iinfo(dtype).max
    noise = np.random.default_rng(seed).integers(0, high, (1, 2, height, width), endpoint=True)
    return noise.astype(dtype)


def nodes(to_hw, known):
    def add(g):
        size = g.op("Slice", g.op("Shape", "planes"), g.ints(2), g.ints(4), g.ints(0))
        return [resize(g, "planes", size, g.ints(*to_hw), known_hw=to_hw if known else None)]

    return add


def by_pillow(values, to_hw):
    size, way = to_hw[::-1], Image.Resampling.BILINEAR
    images = [Image.fromarray(plane.astype(np.float32)).resize(size, way) for plane in values[0]]
    return np.stack([np.asarray(image) for image in images])


@settings(max_examples=60, deadline=None)
@given(from_hw=st.tuples(side, side), to_hw=st.tuples(side, side), known=st.booleans())
@example(from_hw=(1, 1), to_hw=(8, 9), known=True)
@example(from_hw=(1, 3000), to_hw=(16, 16), known=True)
@example(from_hw=(3000, 2), to_hw=(7, 64), known=False)
def test_it_equals_pillows_antialiased_bilinear(from_hw, to_hw, known):
    values = planes(*from_hw)
    (out,) = run_nodes(nodes(to_hw, known), planes=values)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[0], by_pillow(values, to_hw), atol=2e-4)


def test_sixteen_bits():
    values = planes(300, 200, np.uint16)
    (out,) = run_nodes(nodes((64, 64), True), planes=values)
    np.testing.assert_allclose(out[0], by_pillow(values, (64, 64)), atol=2e-2)


@pytest.mark.parametrize("from_hw", [(1, 1), (5, 900), (64, 64)])
def test_a_constant_stays_as_it_is_and_no_tensor_is_empty(from_hw):
    values = np.full((1, 1, *from_hw), 200, np.uint8)
    inner = inner_tensors(graph_of(nodes((24, 30), False), planes=values), planes=values)
    assert all(value.size for value in inner.values())
    np.testing.assert_allclose(inner["out_0"], 200, rtol=1e-6)
