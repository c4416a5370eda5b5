"""AU-PRO where a part of a region is enough (sPRO), beside its definition."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.images.masks import Saturating
from blemish.metrics.overlap import au_pro, saturated_shares
from blemish.metrics.pixels import PixelScores
from oracles.pixels import slow_au_pro, slow_au_spro


def drawn(seed: int) -> tuple[list[np.ndarray], list[list[tuple[np.ndarray, float]]]]:
    """Maps with many equal scores, and overlapping regions of which parts are enough."""
    rng = np.random.default_rng(seed)
    maps, regions = [], []
    for _ in range(4):
        maps.append(rng.integers(0, 12, (9, 11)).astype(np.float32))
        own = []
        for _ in range(int(rng.integers(0, 3))):
            mask = np.zeros((9, 11), bool)
            top, left = rng.integers(0, 5, 2)
            mask[top : top + 4, left : left + 5] = True
            own.append((mask, float(rng.choice([1, 3, 7.5, 20]))))
        regions.append(own)
    regions[0] = regions[0] or [(np.eye(9, 11, dtype=bool), 4.0)]
    return maps, regions


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_it_is_spro_of_all_regions(seed: int, limit: float) -> None:
    maps, regions = drawn(seed)
    with PixelScores(None) as pixels:
        for number, (score_map, own) in enumerate(zip(maps, regions, strict=True)):
            mask = np.any([k for k, _ in own] or [np.zeros((9, 11), bool)], axis=0)
            saturating = [Saturating(region, enough) for region, enough in own]
            kind = "loose" if own else "good"
            pixels.add(score_map, mask, name=str(number), kind=kind, saturating=saturating)
        found = au_pro(pixels.count().whole, limit)
    assert found == pytest.approx(slow_au_spro(maps, regions, limit))


def test_whole_regions_that_do_not_touch_give_au_pro() -> None:
    rng = np.random.default_rng(3)
    maps = [rng.integers(0, 30, (12, 12)).astype(np.float32) for _ in range(2)]
    masks = [np.zeros((12, 12), bool) for _ in range(2)]
    masks[0][1:4, 1:5] = masks[0][7:11, 6:8] = True
    parts = [[np.zeros((12, 12), bool) for _ in range(2)], []]
    parts[0][0][1:4, 1:5] = parts[0][1][7:11, 6:8] = True
    regions = [[(part, float(part.sum())) for part in own] for own in parts]
    assert slow_au_spro(maps, regions, 0.3) == pytest.approx(slow_au_pro(maps, masks, 0.3))
    with PixelScores(None) as pixels:
        saturating = [Saturating(region, enough) for region, enough in regions[0]]
        pixels.add(maps[0], masks[0], name="a", kind="cut", saturating=saturating)
        pixels.add(maps[1], masks[1], name="b", kind="good")
        counts = pixels.count()
    assert au_pro(counts.whole, 0.3) == pytest.approx(slow_au_pro(maps, masks, 0.3))
    assert counts.whole.shares.sum() == pytest.approx(2)


def test_more_than_the_region_is_never_asked_for() -> None:
    score_map = np.arange(12, dtype=np.float32).reshape(3, 4)
    mask = score_map > 7
    shares = saturated_shares(score_map, Saturating(mask, 400.0))
    np.testing.assert_allclose(shares[mask], 0.25)
    assert saturated_shares(score_map, Saturating(mask, 0.1)).max() == 1
