"""Streaming pixel counts against counting everything at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemish.metrics import counting
from blemish.metrics.decisions import Decisions, decide
from blemish.metrics.overlap import au_pro
from blemish.metrics.pixels import PixelScores
from blemish.metrics.ranking import auroc, average_precision, f1_max, rank
from blemish.metrics.tables import tabulate
from oracles.pixels import slow_au_pro


def images(seed=0, count=9, levels=None):
    rng = np.random.default_rng(seed)
    for i in range(count):
        shape = tuple(rng.integers(5, 40, 2))
        mask = rng.random(shape) < (0.0 if i % 3 == 0 else 0.1)
        kind = "good" if i % 3 == 0 else ("crack", "hole")[i % 2]
        score_map = rng.standard_normal(shape) + mask
        yield kind, np.round(score_map, levels or 9).astype(np.float32), mask


def collected(*arguments, **options):
    pixels = PixelScores(threshold=1.0)
    for number, (kind, score_map, mask) in enumerate(images(*arguments, **options)):
        pixels.add(score_map, mask, name=f"image {number}", kind=kind)
    return pixels


def at_once(*arguments, kinds=("good", "crack", "hole"), **options):
    """All scores and labels of some kinds of images."""
    chosen = [(m, k) for kind, m, k in images(*arguments, **options) if kind in kinds]
    return tuple(np.concatenate([array.ravel() for array in part])
                 for part in zip(*chosen, strict=True))  # fmt: skip


def assert_same_counts(counts, expected):
    assert (counts.values == expected.values).all()
    for name in ("positives", "above", "at_least", "negatives"):
        assert np.array_equal(getattr(counts, name), getattr(expected, name)), name


@pytest.mark.parametrize("block", [1, 500, 10**7])
@pytest.mark.parametrize("stretch", [1, 7, 10**6])
def test_equals_sorting_all_pixels_of_images_of_any_size(monkeypatch, block, stretch):
    monkeypatch.setattr(counting, "BLOCK_PIXELS", block)
    monkeypatch.setattr(counting, "STRETCH", stretch)
    with collected() as pixels:
        counts, decisions = pixels.count(), pixels.decisions()
    assert_same_counts(counts.whole.ranks, rank(*at_once()))
    for kind in ("crack", "hole"):
        expected = rank(*at_once(kinds=("good", kind)))
        assert_same_counts(counts.kinds[kind].ranks, expected)
    assert sum(decisions.values(), Decisions()) == decide(*at_once(), 1.0)


@pytest.mark.parametrize("cores", ["1", "3"])
def test_counts_do_not_depend_on_the_number_of_cores(monkeypatch, cores):
    monkeypatch.setenv("BLEMISH_CORES", cores)
    with collected() as pixels:
        assert_same_counts(pixels.count().whole.ranks, rank(*at_once()))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.sampled_from([1, 9]))
def test_streaming_equals_sorting(seed, count, levels):
    with collected(seed, count=count, levels=levels) as pixels:
        ranks = pixels.count().whole.ranks
    expected = rank(*at_once(seed, count=count, levels=levels))
    for figure in (auroc, average_precision, f1_max):
        assert figure(ranks) == figure(expected)


def test_figures_of_a_kind_are_of_its_images_and_the_good_ones():
    with collected() as pixels:
        counts = pixels.count()
    chosen = [(m, k) for kind, m, k in images() if kind in ("good", "hole")]
    maps, masks = zip(*chosen, strict=True)
    assert au_pro(counts.kinds["hole"], 0.3) == pytest.approx(slow_au_pro(maps, masks, 0.3))
    assert set(counts.kinds) == {"crack", "hole"}


def test_regions_are_found_where_a_pixel_is_above_the_threshold():
    mask, score_map = np.zeros((6, 9), bool), np.zeros((6, 9), np.float32)
    mask[1:3, 1:3], mask[4, 4], mask[5, 5], mask[0, 8] = True, True, True, True
    score_map[2, 2], score_map[5, 5], score_map[0, 8], score_map[3, 8] = 1.5, 2, 1, 9
    with PixelScores(threshold=1.0) as pixels:
        pixels.add(score_map, mask, name="a", kind="crack")
        regions = pixels.regions()
    assert {(r.image, r.kind) for r in regions} == {("a", "crack")}
    assert sorted((r.area_px, r.found) for r in regions) == [(1, False), (2, True), (4, True)]


def test_without_a_threshold_decisions_and_found_regions_are_unknown():
    with PixelScores(threshold=None) as pixels:
        pixels.add(np.eye(3), np.eye(3, dtype=bool), name="a", kind="crack")
        counts, regions = pixels.count(), pixels.regions()
        tables = tabulate(pixels, counts)
    assert sum(pixels.decisions().values(), Decisions()).f1 is None
    assert [region.found for region in regions] == [None]
    assert np.isnan(tables.regions[0, 1])
    assert auroc(counts.whole.ranks) == 1


@pytest.mark.parametrize("where", [(0, 0), (1, 1)])
def test_a_pixel_that_is_not_a_number_is_an_error_that_names_the_image(where):
    score_map = np.zeros((2, 2), np.float32)
    score_map[where] = np.nan
    with PixelScores(threshold=0.0) as pixels, pytest.raises(ValueError, match=r"b/3\.png.*NaN"):
        pixels.add(score_map, np.eye(2, dtype=bool) * False, name="b/3.png", kind="good")


def test_a_mask_of_another_size_is_an_error_that_names_the_image():
    with PixelScores(threshold=0.0) as pixels, pytest.raises(ValueError, match=r"3\.png.*size"):
        pixels.add(np.zeros((2, 3)), np.zeros((3, 2), bool), name="3.png", kind="good")


def test_without_defect_pixels_figures_are_undefined():
    with PixelScores(threshold=0.0) as pixels:
        pixels.add(np.zeros((3, 3)), np.zeros((3, 3), bool), name="a", kind="good")
        counts = pixels.count()
    assert auroc(counts.whole.ranks) is None
    assert f1_max(counts.whole.ranks) is None
    assert counts.kinds == {}


def test_without_any_image_figures_are_undefined():
    with PixelScores(threshold=0.0) as pixels:
        counts = pixels.count()
    assert auroc(counts.whole.ranks) is None
    assert counts.good is None


def test_an_image_that_is_all_defect_and_one_with_an_empty_mask_are_counted():
    full, empty = np.ones((2, 2), bool), np.zeros((2, 2), bool)
    with PixelScores(threshold=0.5) as pixels:
        pixels.add(np.full((2, 2), 2.0), full, name="all", kind="crack")
        pixels.add(np.full((2, 2), 1.0), empty, name="none", kind="crack")
        counts, found = pixels.count(), pixels.aupimo(pixels.count())
    assert auroc(counts.whole.ranks) == 1
    assert counts.kinds["crack"].ranks.negatives == 4
    assert counts.good is None  # an image that is called a defect is not a good one
    assert found == [None, None]


def test_scores_of_any_size_and_sign_keep_their_order():
    for scores in ([-1e6, -5, 0, 3e6], [-np.inf, -5, 5, np.inf]):
        with PixelScores(threshold=0.0) as pixels:
            pixels.add(np.array([scores]), np.array([[0, 0, 0, 1]]) > 0, name="a", kind="crack")
            assert auroc(pixels.count().whole.ranks) == 1


def test_decisions_say_what_is_undefined():
    none = Decisions()
    assert (none.f1, none.false_alarm_rate, none.miss_rate) == (None, None, None)
    some = decide([1.0, 2.0, 3.0], [0, 1, 1], 2.0)
    assert some == Decisions(caught=1, missed=1, false_alarms=0, passed=1)
    assert some.f1 == pytest.approx(2 / 3)
