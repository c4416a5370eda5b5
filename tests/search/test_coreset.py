"""Greedy selection: the picks of the plain loop, whatever the shortcuts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemish.search import coreset, point_distances
from blemish.search.coreset import greedy_k_centre, projection
from clouds import cloud
from oracles.patches import greedy


@pytest.mark.parametrize("candidates", [4, 64, 2048])
@pytest.mark.parametrize("batch", [1, 3, 128])
def test_picks_are_those_of_the_plain_loop(monkeypatch, candidates, batch):
    monkeypatch.setattr(coreset, "CANDIDATES", candidates)
    monkeypatch.setattr(coreset, "PICKS_AT_ONCE", batch)
    monkeypatch.setattr(point_distances, "BLOCK_ROWS", 100)
    points = cloud(700, 9)
    found = greedy_k_centre(points, 60, start="farthest")
    assert found.picks.tolist() == greedy(points, 60, int(found.picks[0]))


@pytest.mark.parametrize(("few", "near"), [(2, 2), (2, 0.2), (0.3, 0.6)])
def test_sketches_change_no_pick(monkeypatch, few, near):
    monkeypatch.setattr(point_distances, "FEW_IMPROVED", few)
    monkeypatch.setattr(point_distances, "FEW_NEAR", near)
    monkeypatch.setattr(point_distances, "DIRECTIONS", 6)
    monkeypatch.setattr(point_distances, "BLOCK_ROWS", 100)
    monkeypatch.setattr(coreset, "PICKS_AT_ONCE", 8)
    points = cloud(730, 96, spread=0.3)
    found = greedy_k_centre(points, 120, start="farthest")
    assert found.picks.tolist() == greedy(points, 120, int(found.picks[0]))


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 300), st.integers(1, 6), st.integers(0, 10**6))
def test_no_point_is_farther_from_its_pick_than_the_radius(rows, dimensions, seed):
    points = cloud(rows, dimensions, seed)
    found = greedy_k_centre(points, max(1, rows // 5), rng=np.random.default_rng(seed))
    gaps = np.linalg.norm(points[:, None] - points[found.picks][None], axis=2).min(axis=1)
    assert gaps.max() == pytest.approx(found.radius, rel=1e-3, abs=1e-2)
    assert len(set(found.picks.tolist())) == len(found.picks)


def test_the_seeded_start_is_kept_in_the_bank():
    points = cloud(500, 4)
    for seed in range(8):
        start = np.random.default_rng(seed).integers(500)
        assert greedy_k_centre(points, 5, rng=np.random.default_rng(seed)).picks[0] == start


@pytest.mark.parametrize("offset", [0, 10])
def test_fewer_rows_come_back_where_fewer_are_distinct(offset):
    points = np.repeat(cloud(20, 16) + np.float32(offset), 50, axis=0)
    found = greedy_k_centre(points, 200)
    assert len(found.picks) == len({tuple(row) for row in points[found.picks].tolist()}) == 20
    assert found.radius == 0


def test_progress_adds_up_to_the_picks():
    told = []
    found = greedy_k_centre(cloud(300, 3), 50, advance=told.append)
    assert sum(told) == len(found.picks) == 50


def test_projection_nearly_keeps_distances():
    points = cloud(200, 400)
    low = points @ projection(400, 128, np.random.default_rng(0))
    pairs = np.random.default_rng(1).integers(0, 200, (500, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    ratio = np.linalg.norm(low[pairs[:, 0]] - low[pairs[:, 1]], axis=1) / np.linalg.norm(
        points[pairs[:, 0]] - points[pairs[:, 1]], axis=1
    )
    assert 0.95 < ratio.mean() < 1.05
    assert ratio.std() < 0.1


@pytest.mark.parametrize("sampler", ["exact", "approx"])
@pytest.mark.parametrize("space", ["unprojected", "projected_64"])
def test_agrees_with_the_authors_samplers(shared, sampler, space):
    z = np.load(shared / "oracles" / "patchcore" / f"coreset_{sampler}_{space}.npz")
    points = (z["projected"] if "projected" in z else z["vectors"]).astype(np.float32)
    found = greedy_k_centre(
        points,
        200,
        start="farthest" if sampler == "exact" else "sampled",
        start_rows=z.get("start_points"),
    )
    assert found.picks.tolist() == z["selected"].tolist()
    radius = z["radius_projected" if "projected" in z else "radius_vectors"][-1]
    assert found.radius == pytest.approx(radius, rel=1e-5)
