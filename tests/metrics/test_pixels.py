"""Streaming pixel counts against counting everything at once."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.metrics import pixels as module
from blemish.metrics.decisions import Decisions, decide
from blemish.metrics.pixels import PixelScores
from blemish.metrics.ranking import auroc, average_precision, f1_max, rank


def pictures(seed=0, count=9):
    rng = np.random.default_rng(seed)
    for i in range(count):
        shape = tuple(rng.integers(5, 40, 2))
        mask = rng.random(shape) < (0.0 if i % 3 == 0 else 0.1)
        kind = "good" if i % 3 == 0 else ("crack", "hole")[i % 2]
        yield kind, (rng.standard_normal(shape) + mask).astype(np.float32), mask


@pytest.mark.parametrize("chunk", [1, 500, 10**7])
def test_equals_sorting_all_pixels_of_pictures_of_any_size(monkeypatch, chunk):
    monkeypatch.setattr(module, "CHUNK_PIXELS", chunk)
    with PixelScores(threshold=1.0) as scores:
        for kind, score_map, mask in pictures():
            scores.add(kind, score_map, mask)
        counts, decisions = scores.count(), scores.decisions()
    everything = [(m.ravel(), k.ravel()) for _, m, k in pictures()]
    maps, masks = (np.concatenate(part) for part in zip(*everything, strict=True))
    whole = counts["good"] + counts["crack"] + counts["hole"]
    expected = rank(maps, masks)
    assert auroc(whole) == auroc(expected)
    assert average_precision(whole) == average_precision(expected)
    assert f1_max(whole) == f1_max(expected)
    assert sum(decisions.values(), Decisions()) == decide(maps, masks, 1.0)


def test_a_subset_of_kinds_can_be_told_apart():
    with PixelScores(threshold=1.0) as scores:
        for kind, score_map, mask in pictures():
            scores.add(kind, score_map, mask)
        counts = scores.count()
    chosen = [(m.ravel(), k.ravel()) for kind, m, k in pictures() if kind in ("good", "hole")]
    maps, masks = (np.concatenate(part) for part in zip(*chosen, strict=True))
    assert auroc(counts["good"] + counts["hole"]) == auroc(rank(maps, masks))


def test_a_pixel_that_is_not_a_number_is_an_error():
    with PixelScores(threshold=0.0) as scores, pytest.raises(ValueError, match="NaN"):
        scores.add("good", np.full((2, 2), np.nan, np.float32), np.zeros((2, 2), bool))


def test_without_defect_pixels_figures_are_undefined():
    with PixelScores(threshold=0.0) as scores:
        scores.add("good", np.zeros((3, 3), np.float32), np.zeros((3, 3), bool))
        counts = scores.count()["good"]
    assert auroc(counts) is None
    assert f1_max(counts) is None


def test_decisions_say_what_is_undefined():
    none = Decisions()
    assert (none.f1, none.false_alarm_rate, none.miss_rate) == (None, None, None)
    some = decide([1.0, 2.0, 3.0], [0, 1, 1], 2.0)
    assert some == Decisions(caught=1, missed=1, false_alarms=0, passed=1)
    assert some.f1 == pytest.approx(2 / 3)
