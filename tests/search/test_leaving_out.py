"""Coresets without a part of the points, against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.search import coreset, leaving_out, point_distances
from blemish.search.coreset import greedy_k_centre
from blemish.search.leaving_out import LeavingOut
from blemish.search.point_distances import PointCloud
from clouds import cloud


def gaps(points, picked):
    return np.linalg.norm(points[:, None] - picked[None], axis=2).min(axis=1)


@pytest.mark.parametrize("parts", [2, 5, 40])
@pytest.mark.parametrize(("sketched", "most_near"), [(False, 0), (True, 0), (True, 10**6)])
def test_without_a_part_the_other_picks_stay_and_greed_fills_up(
    monkeypatch, parts, sketched, most_near
):
    monkeypatch.setattr(leaving_out, "worth_sketching", lambda *_: sketched)
    monkeypatch.setattr(point_distances, "MOST_NEAR", most_near)
    monkeypatch.setattr(point_distances, "SKETCHED_AT_ONCE", 8)
    monkeypatch.setattr(point_distances, "BLOCK_ROWS", 100)
    for module in (coreset, point_distances):
        monkeypatch.setattr(module, "PICKS_AT_ONCE", 8)
    points = cloud(400, 5)
    whole = greedy_k_centre(points, 60, start="farthest")
    part_of = np.arange(400) % parts
    parts_out = LeavingOut(whole, PointCloud(points), part_of)
    wanted = gaps(points, points[whole.picks])
    np.testing.assert_allclose(parts_out.distances(), wanted, rtol=1e-5)
    for part, without in enumerate(parts_out.without_each()):
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
