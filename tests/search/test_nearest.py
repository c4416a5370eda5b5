"""Nearest neighbours in NumPy and in the graph, against brute force and the authors' output."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from blemish.search import nearest as neighbours
from blemish.search.graph import reweighting, search
from blemish.search.nearest import nearest, reweighting_of
from graphs import run_nodes


def vectors(rows, dimensions, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, dimensions)) + offset).astype(np.float32)


def graph_search(patches, bank, *, k=1, squared=False, block=4096):
    def add(g):
        found = search(g, "patches", bank, k=k, squared=squared, block=block)
        return [found.scores, found.nearest]

    return run_nodes(add, patches=patches)


def graph_weight(patches, bank, companions):
    def add(g):
        found = search(g, "patches", bank, k=1, squared=False)
        flat = g.op("Flatten", found.scores, axis=1)
        return [reweighting(g, found, companions, flat)]

    return run_nodes(add, patches=patches)[0]


@pytest.mark.parametrize("k", [1, 3, 20])
def test_numpy_search_equals_brute_force(monkeypatch, k):
    monkeypatch.setattr(neighbours, "QUERIES", 7)
    monkeypatch.setattr(neighbours, "VECTORS", 6)
    queries, bank = vectors(50, 6), vectors(20, 6, seed=1)
    squared, rows = nearest(queries, bank, k=k)
    distances = cdist(queries.astype(np.float64), bank.astype(np.float64), "sqeuclidean")
    np.testing.assert_array_equal(rows, np.argsort(distances, axis=1)[:, :k])
    np.testing.assert_allclose(squared, np.sort(distances, axis=1)[:, :k], rtol=1e-5)


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("block", [7, 4096])
def test_graph_search_equals_numpy_search(k, squared, block):
    patches, bank = vectors(2 * 4 * 5, 6).reshape(2, 4, 5, 6), vectors(20, 6, seed=1)
    scores, first = graph_search(patches, bank, k=k, squared=squared, block=block)
    expected, rows = nearest(patches.reshape(-1, 6), bank, k=k)
    expected = (expected if squared else np.sqrt(expected)).mean(axis=1)
    np.testing.assert_allclose(scores.ravel(), expected, rtol=1e-6)
    np.testing.assert_array_equal(first.ravel(), rows[:, 0])


def test_small_distances_between_long_vectors_keep_their_digits():
    bank = vectors(30, 64, offset=100.0)
    queries = bank[:8] + np.float32(1e-3)
    expected = np.linalg.norm(queries.astype(np.float64) - bank[:8].astype(np.float64), axis=1)
    squared, _ = nearest(queries, bank)
    np.testing.assert_allclose(np.sqrt(squared[:, 0]), expected, rtol=1e-4)
    scores, _ = graph_search(queries.reshape(1, 2, 4, 64), bank)
    np.testing.assert_allclose(scores.ravel(), expected, rtol=1e-4)


def test_a_mean_that_dwarfs_the_differences_hides_no_neighbour():
    queries, bank = vectors(200, 64, seed=1, offset=300.0), vectors(300, 64, offset=300.0)
    distances = cdist(queries.astype(np.float64), bank.astype(np.float64))
    squared, rows = nearest(queries, bank)
    np.testing.assert_array_equal(rows[:, 0], distances.argmin(axis=1))
    np.testing.assert_allclose(np.sqrt(squared[:, 0]), distances.min(axis=1), rtol=1e-5)
    scores, first = graph_search(queries.reshape(1, 10, 20, 64), bank)
    np.testing.assert_array_equal(first.ravel(), distances.argmin(axis=1))
    np.testing.assert_allclose(scores.ravel(), distances.min(axis=1), rtol=1e-5)


def test_reweighting_in_the_graph_equals_its_numpy_twin():
    patches, bank = vectors(3 * 16, 5).reshape(3, 4, 4, 5), vectors(25, 5, seed=1)
    _, companions = nearest(bank, bank, k=9)
    weights = graph_weight(patches, bank, companions)
    for i, weight in enumerate(weights):
        flat = patches[i].reshape(-1, 5)
        squared, rows = nearest(flat, bank)
        worst = int(squared[:, 0].argmax())
        expected = reweighting_of(flat[worst], int(rows[worst, 0]), bank, 9)
        assert weight == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("case", ["wrn_ratio_128", "embed_64"])
def test_agrees_with_the_authors_scores(shared, case):
    z = np.load(shared / "oracles" / "patchcore" / f"{case}.npz")
    width = z["embeddings"].shape[2]
    bank = z["embeddings"][:4].reshape(-1, width)
    patches = z["embeddings"][4:].reshape(2, 28, 28, width)
    for k in (1, 3):
        if f"nn_sqdist_k{k}" not in z:
            continue
        scores, first = graph_search(patches, bank, k=k, squared=True)
        clear = z[f"nn_rel_gap_k{k}"] > 1e-4
        np.testing.assert_allclose(scores, z[f"patch_scores_k{k}"], rtol=3e-5)
        np.testing.assert_allclose(scores.max(axis=(1, 2)), z[f"image_scores_k{k}"], rtol=3e-5)
        expected = z[f"nn_index_k{k}"][:, :, 0].reshape(2, 28, 28)
        np.testing.assert_array_equal(first[clear], expected[clear])


@pytest.mark.parametrize("case", ["wrn_ratio_128", "embed_64"])
def test_agrees_with_the_common_reimplementation(shared, case):
    folder = shared / "oracles" / "patchcore"
    z, other = np.load(folder / f"{case}.npz"), np.load(folder / f"{case}_anomalib.npz")
    width = z["embeddings"].shape[2]
    bank = z["embeddings"][:4].reshape(-1, width)
    patches = z["embeddings"][4:].reshape(2, 28, 28, width)
    scores, _ = graph_search(patches, bank)
    np.testing.assert_allclose(scores, other["patch_scores"], rtol=3e-5)
    _, companions = nearest(bank, bank, k=9)
    weights = graph_weight(patches, bank, companions)
    np.testing.assert_allclose(weights, other["weight"], rtol=1e-5)
    np.testing.assert_allclose(
        scores.max(axis=(1, 2)) * weights, other["image_score_nb9"], rtol=3e-5
    )
