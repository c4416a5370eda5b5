"""The search in two stages finds what brute force finds, and no list in it is ever empty."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from blemish.graph.builder import GraphBuilder
from blemish.search import two_stage
from blemish.search.graph import search
from blemish.search.nearest import GraphBank
from blemish.search.sketch import worth_sketching
from blemish.search.two_stage import nearest_by_sketches
from graphs import graph_of, inner_tensors, run_nodes

DIMENSIONS = 96
FLAT = 12  # directions in which vectors vary much, as patches do


def patches(rows, seed=0, far=1.0):
    rng = np.random.default_rng(seed)
    spread = np.where(np.arange(DIMENSIONS) < FLAT, 1.0, 0.01)
    return (far * rng.standard_normal((rows, DIMENSIONS)) * spread).astype(np.float32)


BANK = patches(1500)
REQUESTED = {
    "alike": patches(40, seed=1),
    "of the bank": BANK[:40],
    "the same": np.repeat(BANK[7:8], 40, axis=0) + np.float32(0.01),
    "zeros": np.zeros((40, DIMENSIONS), np.float32),
    "far away": patches(40, seed=2, far=100),
    "in all directions": np.random.default_rng(3).standard_normal((40, DIMENSIONS), np.float32),
    "alone": patches(1, seed=4),
    "mixed": np.concatenate([BANK[-20:], patches(20, seed=5, far=50)]),
}


def searched(queries, block):
    """All tensors of a search; the last two are squared distances and rows."""
    grid = queries.reshape(1, 1, len(queries), DIMENSIONS)

    def add(g):
        found = search(g, "patches", BANK, k=1, squared=True, block=block)
        return [found.scores, found.nearest]

    return inner_tensors(graph_of(add, patches=grid), patches=grid)


@pytest.mark.parametrize("crowded", [0, 2, two_stage.CROWDED])
@pytest.mark.parametrize("block", [256, 4096])
@pytest.mark.parametrize("kind", REQUESTED)
def test_it_is_exact_and_no_tensor_is_empty(monkeypatch, kind, block, crowded):
    assert worth_sketching(*BANK.shape)
    monkeypatch.setattr(two_stage, "CROWDED", crowded)
    values = searched(REQUESTED[kind], block)
    assert not [name for name, value in values.items() if not value.size]
    expected = cdist(REQUESTED[kind].astype(np.float64), BANK.astype(np.float64), "sqeuclidean")
    np.testing.assert_allclose(values["out_0"].ravel(), expected.min(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(values["out_1"].ravel(), expected.argmin(axis=1))


def vectors(rows, dimensions, seed=0, offset=0.0, scale=1.0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, dimensions)) * scale + offset).astype(np.float32)


def nearest(queries, bank):
    """Squared distances and rows, Q each, by sketches however small the bank."""

    def add(g: GraphBuilder):
        return list(nearest_by_sketches(GraphBank(g, g.constant(bank), bank, 4096), "queries"))

    squared, rows = run_nodes(add, queries=queries)
    assert squared.shape == rows.shape == (len(queries), 1)
    return squared[:, 0], rows[:, 0]


def check(queries, bank, rtol=1e-5):
    """Each found vector is as near as any."""
    squared, rows = nearest(queries, bank)
    distances = cdist(queries.astype(np.float64), bank.astype(np.float64), "sqeuclidean")
    np.testing.assert_allclose(squared, distances.min(axis=1), rtol=rtol)
    found = distances[np.arange(len(queries)), rows]
    np.testing.assert_allclose(found, distances.min(axis=1), rtol=rtol)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 60),
    dimensions=st.integers(1, 40),
    seed=st.integers(0, 1000),
    offset=st.sampled_from([0.0, 3.0, -50.0]),
    scale=st.sampled_from([1e-4, 1.0, 1e3]),
    far=st.sampled_from([0.01, 1.0, 100.0]),
)
def test_equals_brute_force(rows, dimensions, seed, offset, scale, far):
    bank = vectors(rows, dimensions, seed, offset, scale)
    queries = vectors(17, dimensions, seed + 1, offset, scale * far)
    check(queries, bank, rtol=1e-4)


def test_heavy_tails_and_lengths_that_differ():
    rng = np.random.default_rng(0)
    bank = rng.standard_t(1.5, (300, 24)).astype(np.float32)
    bank[:5] *= 1000
    check(rng.standard_t(1.5, (100, 24)).astype(np.float32), bank)


def test_close_neighbours_keep_their_digits():
    bank = vectors(200, 64, offset=100.0)
    queries = bank[:50] + np.float32(1e-3)
    squared, rows = nearest(queries, bank)
    np.testing.assert_array_equal(rows, np.arange(50))
    expected = cdist(queries.astype(np.float64), bank.astype(np.float64), "sqeuclidean")
    np.testing.assert_allclose(squared, expected.min(axis=1), rtol=1e-4)


def test_a_vector_of_the_bank_is_its_own_neighbour_and_ties_go_to_the_lower_row():
    bank = vectors(100, 16)
    bank[60] = bank[7]
    squared, rows = nearest(bank, bank)
    expected = np.arange(100)
    expected[60] = 7
    np.testing.assert_array_equal(rows, expected)
    assert not squared.any()


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_a_bank_whose_vectors_are_all_the_same(value):
    bank = np.full((9, 4), value, np.float32)
    squared, rows = nearest(bank[:2] + 1, bank)
    np.testing.assert_array_equal(rows, [0, 0])
    np.testing.assert_allclose(squared, 4.0)
