"""The search in two stages finds what brute force finds, whatever the vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from blemish.parallel import one_core_each
from blemish.search import two_stage
from blemish.search.nearest import ProductSearch, nearest
from blemish.search.two_stage import TwoStageSearch, nearest_of_others, searcher


def vectors(rows, dimensions, seed=0, offset=0.0, scale=1.0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, dimensions)) * scale + offset).astype(np.float32)


def check(queries, bank, rtol=1e-5):
    """Each found vector is as near as any, and the row is the first of those just as near."""
    squared, rows = TwoStageSearch(bank).nearest(queries)
    distances = cdist(queries.astype(np.float64), bank.astype(np.float64), "sqeuclidean")
    assert squared.shape == rows.shape == (len(queries), 1)
    np.testing.assert_allclose(squared[:, 0], distances.min(axis=1), rtol=rtol)
    found = distances[np.arange(len(queries)), rows[:, 0]]
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
    squared, rows = TwoStageSearch(bank).nearest(queries)
    np.testing.assert_array_equal(rows[:, 0], np.arange(50))
    expected = cdist(queries.astype(np.float64), bank.astype(np.float64), "sqeuclidean")
    np.testing.assert_allclose(squared[:, 0], expected.min(axis=1), rtol=1e-4)


def test_a_vector_of_the_bank_is_its_own_neighbour_and_ties_go_to_the_lower_row():
    bank = vectors(100, 16)
    bank[60] = bank[7]
    squared, rows = TwoStageSearch(bank).nearest(bank)
    expected = np.arange(100)
    expected[60] = 7
    np.testing.assert_array_equal(rows[:, 0], expected)
    assert not squared.any()


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_a_bank_whose_vectors_are_all_the_same(value):
    bank = np.full((9, 4), value, np.float32)
    squared, rows = TwoStageSearch(bank).nearest(bank[:2] + 1)
    np.testing.assert_array_equal(rows, [[0], [0]])
    np.testing.assert_allclose(squared, 4.0)


def test_no_query_gives_no_row():
    squared, rows = TwoStageSearch(vectors(9, 4)).nearest(np.empty((0, 4), np.float32))
    assert squared.shape == rows.shape == (0, 1)


def test_blocks_and_threads_do_not_change_what_is_found(monkeypatch):
    bank, queries = vectors(500, 32), vectors(300, 32, seed=1)
    whole = TwoStageSearch(bank).nearest(queries)
    monkeypatch.setattr(two_stage, "PRODUCTS", 500 * 7)
    monkeypatch.setattr(two_stage, "FEWEST_QUERIES", 1)
    monkeypatch.setattr(two_stage, "PAIRS", 5)
    search = TwoStageSearch(bank)
    with one_core_each() as pool:
        parts = list(pool.map(search.nearest, np.array_split(queries, 6)))
    for part, expected in zip(zip(*parts, strict=True), whole, strict=True):
        np.testing.assert_array_equal(np.concatenate(part), expected)


@pytest.mark.parametrize(("k", "queries"), [(1, 10), (1, 10**6), (3, 10**6), (2000, 10**6)])
def test_searchers_agree(monkeypatch, k, queries):
    monkeypatch.setattr(two_stage, "worth_sketching", lambda _vectors, _dimensions: True)
    bank, asked = vectors(50, 8), vectors(20, 8, seed=1)
    squared, rows = searcher(bank, k=k, queries=queries)(asked)
    expected, expected_rows = nearest(asked, bank, k=min(k, 50))
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(squared, expected, rtol=1e-6)


def test_queries_with_too_many_candidates_are_compared_with_all(monkeypatch):
    monkeypatch.setattr(two_stage, "CROWDED", 2)
    check(vectors(40, 100, seed=1), vectors(300, 100))


@pytest.mark.parametrize("k", [1, 3])
def test_own_vectors_are_left_out(k):
    bank, queries = vectors(60, 8), vectors(30, 8, seed=1)
    queries[:10] = bank[:10]
    own = np.arange(60) < 20
    search = searcher(bank, k=k, queries=30)
    found = nearest_of_others(queries, own=own, search=search, by_products=ProductSearch(bank))
    for values, expected in zip(found, nearest(queries, bank[~own], k=k), strict=True):
        np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_fewer_others_than_neighbours_asked_for():
    bank = vectors(5, 8)
    own = np.array([False, True, True, True, False])
    search = searcher(bank, k=3, queries=4)
    by_products = ProductSearch(bank)
    squared, rows = nearest_of_others(bank[:4], own=own, search=search, by_products=by_products)
    expected = nearest(bank[:4], bank[~own], k=2)
    np.testing.assert_array_equal(rows, expected[1])
    np.testing.assert_allclose(squared, expected[0], rtol=1e-6)
