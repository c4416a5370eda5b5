"""Greedy selection: the picks of the plain loop, whatever the shortcuts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemish.search import coreset
from blemish.search.coreset import LeavingOut, PointCloud, greedy_k_centre, projection
from oracles.patches import greedy


def cloud(rows, dimensions, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((7, dimensions)) * 3
    return (centres[rng.integers(7, size=rows)] + spread * rng.standard_normal((rows, dimensions))
            ).astype(np.float32)  # fmt: skip


@pytest.mark.parametrize("candidates", [4, 64, 2048])
@pytest.mark.parametrize("batch", [1, 3, 128])
def test_picks_are_those_of_the_plain_loop(monkeypatch, candidates, batch):
    monkeypatch.setattr(coreset, "CANDIDATES", candidates)
    monkeypatch.setattr(coreset, "PICKS_AT_ONCE", batch)
    monkeypatch.setattr(coreset, "BLOCK_ROWS", 100)
    points = cloud(700, 9)
    found = greedy_k_centre(points, 60, start="farthest")
    assert found.picks.tolist() == greedy(points, 60, int(found.picks[0]))


@pytest.mark.parametrize(("few", "near"), [(2, 2), (2, 0.2), (0.3, 0.6)])
def test_sketches_change_no_pick(monkeypatch, few, near):
    monkeypatch.setattr(coreset, "FEW_IMPROVED", few)
    monkeypatch.setattr(coreset, "FEW_NEAR", near)
    monkeypatch.setattr(coreset, "DIRECTIONS", 6)
    monkeypatch.setattr(coreset, "BLOCK_ROWS", 100)
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


def gaps(points, picked):
    return np.linalg.norm(points[:, None] - picked[None], axis=2).min(axis=1)


@pytest.mark.parametrize("parts", [2, 5, 40])
@pytest.mark.parametrize(("sketched", "most_near"), [(False, 0), (True, 0), (True, 10**6)])
def test_without_a_part_the_other_picks_stay_and_greed_fills_up(
    monkeypatch, parts, sketched, most_near
):
    monkeypatch.setattr(coreset, "worth_sketching", lambda *_: sketched)
    monkeypatch.setattr(coreset, "MOST_NEAR", most_near)
    monkeypatch.setattr(coreset, "SKETCHED_AT_ONCE", 8)
    monkeypatch.setattr(coreset, "BLOCK_ROWS", 100)
    monkeypatch.setattr(coreset, "PICKS_AT_ONCE", 8)
    points = cloud(400, 5)
    whole = greedy_k_centre(points, 60, start="farthest")
    part_of = np.arange(400) % parts
    leaving_out = LeavingOut(whole, PointCloud(points), part_of)
    wanted = gaps(points, points[whole.picks])
    np.testing.assert_allclose(leaving_out.distances(), wanted, rtol=1e-5)
    for part, without in enumerate(leaving_out.without_each()):
        left_out, found = part_of == part, without.coreset
        kept = [row for row in whole.picks if not left_out[row]]
        assert found.picks[: len(kept)].tolist() == kept
        assert len(found.picks) == 60
        assert not left_out[found.picks].any()
        for count in range(len(kept), 60):
            away = np.where(left_out, -1, gaps(points, points[found.picks[:count]]))
            assert away[found.picks[count]] == pytest.approx(away.max(), rel=1e-4)
        wanted = np.where(left_out, 0, gaps(points, points[found.picks]))
        np.testing.assert_allclose(np.sqrt(np.maximum(found.nearest_sq, 0)), wanted, atol=2e-2)
        assert (found.nearest_sq[left_out] == -1).all()
        wanted = gaps(points[left_out], points[found.picks])
        np.testing.assert_allclose(without.distances, wanted, rtol=1e-5)
        assert without.used_up == 60 / np.count_nonzero(~left_out)
    assert part == parts - 1


def test_without_all_picks_a_coreset_is_begun_anew():
    points = cloud(300, 5)
    whole = greedy_k_centre(points, 6)
    part_of = np.zeros(300, np.int64)
    part_of[whole.picks] = 1
    *_, without = LeavingOut(whole, PointCloud(points), part_of).without_each()
    found = without.coreset
    assert len(set(found.picks) - set(whole.picks)) == 6


def test_without_most_points_all_others_are_picked():
    points = cloud(50, 5)
    whole = greedy_k_centre(points, 30)
    part_of = (np.arange(50) >= 12).astype(np.int64)
    *_, without = LeavingOut(whole, PointCloud(points), part_of).without_each()
    found = without.coreset
    assert sorted(found.picks) == list(range(12))
    assert found.radius == 0


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
