"""The graph's search in two stages: exact, and no list in it is ever empty, whatever is asked."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from blemish.search import two_stage_graph
from blemish.search.graph import search
from blemish.search.sketch import worth_sketching
from graphs import graph_of, inner_tensors

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


@pytest.mark.parametrize("crowded", [0, 2, two_stage_graph.CROWDED])
@pytest.mark.parametrize("block", [256, 4096])
@pytest.mark.parametrize("kind", REQUESTED)
def test_it_is_exact_and_no_tensor_is_empty(monkeypatch, kind, block, crowded):
    assert worth_sketching(*BANK.shape)
    monkeypatch.setattr(two_stage_graph, "CROWDED", crowded)
    values = searched(REQUESTED[kind], block)
    assert not [name for name, value in values.items() if not value.size]
    expected = cdist(REQUESTED[kind].astype(np.float64), BANK.astype(np.float64), "sqeuclidean")
    np.testing.assert_allclose(values["out_0"].ravel(), expected.min(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(values["out_1"].ravel(), expected.argmin(axis=1))
