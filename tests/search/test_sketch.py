"""Sketches never make a vector look farther than it is, and the graph's search by them is exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.checker import check_model
from onnx.reference import ReferenceEvaluator
from scipy.spatial.distance import cdist

from blemish.graph.builder import FLOAT, INT64, GraphBuilder, tensor
from blemish.graph.session import Session
from blemish.search import graph as search_graph
from blemish.search.graph import search
from blemish.search.sketch import GROUP, sketch_bank
from graphs import run_nodes


def few_directions(rows, dimensions, directions, *, seed=0, noise=0.05):
    """Vectors that vary mostly in a few directions, as patches do."""
    rng = np.random.default_rng(seed)
    basis = np.random.default_rng(99).standard_normal((directions, dimensions))
    along = rng.standard_normal((rows, directions)) @ basis
    return (along + noise * rng.standard_normal((rows, dimensions))).astype(np.float32)


def squared_distances(queries, bank):
    return cdist(queries.astype(np.float64), bank.astype(np.float64), "sqeuclidean")


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 70),
    dimensions=st.integers(1, 60),
    directions=st.integers(1, 30),
    seed=st.integers(0, 1000),
    offset=st.sampled_from([0.0, 3.0, -50.0]),
    scale=st.sampled_from([1e-4, 1.0, 1e3]),
    far=st.sampled_from([0.0, 0.01, 1.0, 100.0]),
    noise=st.sampled_from([0.0, 1e-3, 1.0]),
)
def test_bounds_are_never_larger_than_distances(
    rows, dimensions, directions, seed, offset, scale, far, noise
):
    bank = scale * few_directions(rows, dimensions, directions, seed=seed, noise=noise) + offset
    asked = few_directions(20, dimensions, directions, seed=seed + 1, noise=noise)
    queries = (scale * far * asked + offset).astype(np.float32)
    sketched = sketch_bank(bank.astype(np.float32), directions=directions)
    sketches, floors = sketched.sketch(queries)
    bounds = floors[:, None] - 2 * (sketches @ sketched.columns)[:, :rows]
    assert (bounds <= squared_distances(queries, bank.astype(np.float32))).all()


def test_bounds_are_close_where_vectors_vary_in_few_directions():
    bank, queries = few_directions(400, 200, 6), few_directions(50, 200, 6, seed=1)
    sketched = sketch_bank(bank, directions=12)
    sketches, floors = sketched.sketch(queries)
    bounds = floors[:, None] - 2 * (sketches @ sketched.columns)[:, :400]
    distances = squared_distances(queries, bank)
    assert (np.count_nonzero(bounds <= distances.min(axis=1)[:, None], axis=1) <= 3).all()


def test_columns_are_whole_groups_filled_by_the_last_vector():
    sketched = sketch_bank(few_directions(21, 10, 3))
    assert sketched.columns.shape[1] % GROUP == 0
    filling = sketched.columns[:, 21:]
    assert (filling == sketched.columns[:, [20]]).all()
    assert filling.size


BANKS = {
    "few directions": few_directions(700, 40, 5),
    "all directions": few_directions(700, 40, 40, noise=1.0),
    "one vector": np.ones((200, 40), np.float32),
    "pairs": np.repeat(few_directions(300, 40, 5), 2, axis=0),
    "very few": few_directions(3, 40, 5),
}


@pytest.mark.parametrize("name", BANKS)
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("block", [96, 4096])
def test_the_graph_finds_the_nearest(monkeypatch, name, k, block):
    monkeypatch.setattr(search_graph, "worth_sketching", lambda _vectors, _dimensions: True)
    bank = BANKS[name]
    queries = np.concatenate([few_directions(30, 40, 5, seed=1), bank[:1], 50 + bank[1:2]])

    def add(g):
        found = search(g, "patches", bank, k=k, squared=False, block=block)
        return [found.scores, found.nearest]

    scores, rows = run_nodes(add, patches=queries.reshape(1, 4, 8, 40))
    distances = np.sqrt(squared_distances(queries, bank))
    expected = np.sort(distances, axis=1)[:, :k].mean(axis=1)
    np.testing.assert_allclose(scores.ravel(), expected, rtol=1e-5)
    found = distances[np.arange(len(queries)), rows.ravel()]
    np.testing.assert_allclose(found, distances.min(axis=1), rtol=1e-6)


def test_the_reference_implementation_of_onnx_finds_the_same(monkeypatch):
    monkeypatch.setattr(search_graph, "worth_sketching", lambda _vectors, _dimensions: True)
    bank, queries = BANKS["few directions"], few_directions(20, 40, 5, seed=1)
    g = GraphBuilder()
    found = search(g, "patches", bank, k=1, squared=True, block=96)
    outputs = [
        tensor(found.scores, FLOAT, "N", "h", "w"),
        tensor(found.nearest, INT64, "N", "h", "w"),
    ]
    model = g.build([tensor("patches", FLOAT, "N", "h", "w", 40)], outputs)
    check_model(model, full_check=True)
    patches = queries.reshape(1, 4, 5, 40)
    scores, rows = ReferenceEvaluator(model).run(None, {"patches": patches})
    expected, expected_rows = Session(model.SerializeToString()).run(None, patches=patches)
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
    np.testing.assert_array_equal(rows, expected_rows)


def test_what_is_no_number_disturbs_no_other_query(monkeypatch):
    monkeypatch.setattr(search_graph, "worth_sketching", lambda _vectors, _dimensions: True)
    bank, queries = BANKS["few directions"], few_directions(32, 40, 5, seed=1)
    queries[3], queries[4, 7], queries[5] = np.nan, np.inf, 3e38

    def add(g):
        found = search(g, "patches", bank, k=1, squared=True, block=96)
        return [found.scores, found.nearest]

    scores, rows = run_nodes(add, patches=queries.reshape(1, 4, 8, 40))
    assert ((rows >= 0) & (rows < len(bank))).all()
    assert not np.isfinite(scores.ravel()[3:6]).any()
    others = np.delete(np.arange(32), [3, 4, 5])
    expected = squared_distances(queries[others], bank).min(axis=1)
    np.testing.assert_allclose(scores.ravel()[others], expected, rtol=1e-5)
