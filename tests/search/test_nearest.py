"""Nearest neighbours in the graph, against brute force and the authors' output."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from blemish.search.graph import distances, reweighting, search
from graphs import run_nodes


def vectors(rows, dimensions, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, dimensions)) + offset).astype(np.float32)


def graph_search(patches, bank, *, k=1, squared=False, block=4096, barred=None):
    inputs = {"patches": patches} | ({} if barred is None else {"barred": barred})

    def add(g):
        name = None if barred is None else "barred"
        found = search(g, "patches", bank, k=k, squared=squared, block=block, barred=name)
        return [found.scores, found.nearest]

    return run_nodes(add, **inputs)


def graph_weight(patches, bank, companions, barred=None):
    inputs = {"patches": patches} | ({} if barred is None else {"barred": barred})

    def add(g):
        name = None if barred is None else "barred"
        found = search(g, "patches", bank, k=1, squared=False, block=10, barred=name)
        flat = g.op("Flatten", found.scores, axis=1)
        return [reweighting(g, found, flat, companions=companions)]

    return run_nodes(add, **inputs)[0]


def distances_of(queries, bank):
    return cdist(queries.astype(np.float64), bank.astype(np.float64))


def expected_weight(flat, bank, companions):
    """Eq. 7, for the patches of one image, Q x D."""
    distances = distances_of(flat, bank)
    worst = distances.min(axis=1).argmax()
    nearest = distances[worst].argmin()
    around = distances_of(bank[[nearest]], bank)[0].argsort(kind="stable")[:companions]
    gaps = distances[worst, around]
    return 1 - np.exp(gaps[0] - gaps.max()) / np.exp(gaps - gaps.max()).sum()


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("k", [1, 3, 20])
@pytest.mark.parametrize("block", [7, 4096])
def test_the_search_equals_brute_force(k, squared, block):
    patches, bank = vectors(2 * 4 * 5, 6).reshape(2, 4, 5, 6), vectors(20, 6, seed=1)
    scores, first = graph_search(patches, bank, k=k, squared=squared, block=block)
    distances = distances_of(patches.reshape(-1, 6), bank) ** (2 if squared else 1)
    np.testing.assert_allclose(
        scores.ravel(), np.sort(distances, axis=1)[:, :k].mean(axis=1), rtol=1e-5
    )
    np.testing.assert_array_equal(first.ravel(), distances.argmin(axis=1))


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("block", [7, 4096])
@pytest.mark.parametrize("offset", [0, 1000])
def test_distances_by_products_alone_are_those_of_the_nearest(squared, block, offset):
    patches = vectors(2 * 4 * 5, 6, offset=offset).reshape(2, 4, 5, 6)
    bank = vectors(20, 6, seed=1, offset=offset)
    patches[0, 0, 0] = bank[3]

    def add(g):
        return [distances(g, "patches", bank, k=1, squared=squared, block=block)]

    (found,) = run_nodes(add, patches=patches)
    nearest = distances_of(patches.reshape(-1, 6), bank).min(axis=1).reshape(2, 4, 5)
    accuracy = 1e-6 * 30  # of a squared distance: a millionth of squared lengths from the centre
    np.testing.assert_allclose(found if squared else found**2, nearest**2, rtol=0, atol=accuracy)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("block", [7, 4096])
def test_barred_vectors_are_not_found(k, block):
    bank, queries = vectors(60, 8), vectors(30, 8, seed=1)
    queries[:10] = bank[:10]
    barred = np.where(np.arange(60) < 20, -np.inf, 0).astype(np.float32)
    scores, first = graph_search(
        queries.reshape(1, 3, 10, 8), bank, k=k, block=block, barred=barred
    )
    distances = distances_of(queries, bank[20:])
    np.testing.assert_allclose(
        scores.ravel(), np.sort(distances, axis=1)[:, :k].mean(axis=1), rtol=1e-5
    )
    np.testing.assert_array_equal(first.ravel(), 20 + distances.argmin(axis=1))


def test_small_distances_between_long_vectors_keep_their_digits():
    bank = vectors(30, 64, offset=100.0)
    queries = bank[:8] + np.float32(1e-3)
    expected = np.linalg.norm(queries.astype(np.float64) - bank[:8].astype(np.float64), axis=1)
    scores, _ = graph_search(queries.reshape(1, 2, 4, 64), bank)
    np.testing.assert_allclose(scores.ravel(), expected, rtol=1e-4)


def test_a_mean_that_dwarfs_the_differences_hides_no_neighbour():
    queries, bank = vectors(200, 64, seed=1, offset=300.0), vectors(300, 64, offset=300.0)
    distances = distances_of(queries, bank)
    scores, first = graph_search(queries.reshape(1, 10, 20, 64), bank)
    np.testing.assert_array_equal(first.ravel(), distances.argmin(axis=1))
    np.testing.assert_allclose(scores.ravel(), distances.min(axis=1), rtol=1e-5)


def test_reweighting_is_eq_7():
    patches, bank = vectors(3 * 16, 5).reshape(3, 4, 4, 5), vectors(25, 5, seed=1)
    for image, weight in zip(patches, graph_weight(patches, bank, 9), strict=True):
        assert weight == pytest.approx(expected_weight(image.reshape(-1, 5), bank, 9), rel=1e-5)


def test_reweighting_tells_vectors_apart_that_products_cannot():
    """Of two vectors almost as near, far from the centre, products may rank the farther first."""
    two = np.zeros((4, 8), np.float32)
    two[:, 0] = [1, -1, 1, -1]
    two[2:, 1] = [0.5, -0.9]  # each has its own companion
    bank = np.concatenate([two + 100, -two - 100])
    signs = np.where(np.arange(64) % 2, 1, -1)
    patches = np.full((64, 1, 1, 8), 100, np.float32)
    patches[:, 0, 0, 0] += np.linspace(2e-3, 4e-3, 64) * signs
    expected = [expected_weight(patch.reshape(1, 8), bank, 2) for patch in patches]
    np.testing.assert_allclose(graph_weight(patches, bank, 2), expected, rtol=1e-4)


@pytest.mark.parametrize("companions", [9, 16])
def test_reweighting_passes_over_barred_vectors(companions):
    patches, bank = vectors(16, 5).reshape(1, 4, 4, 5), vectors(25, 5, seed=1)
    barred = np.where(np.arange(25) % 3 == 0, -np.inf, 0).astype(np.float32)
    (weight,) = graph_weight(patches, bank, companions, barred)
    expected = expected_weight(patches.reshape(-1, 5), bank[barred == 0], companions)
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
    weights = graph_weight(patches, bank, 9)
    np.testing.assert_allclose(weights, other["weight"], rtol=1e-5)
    np.testing.assert_allclose(
        scores.max(axis=(1, 2)) * weights, other["image_score_nb9"], rtol=3e-5
    )
