"""What must not move a figure, and what must move it in a known way, for all figures at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemish.evaluation.figures import figures_per_type, image_figures, pixel_figures
from blemish.metrics import counting
from blemish.metrics.overlap import au_pro
from blemish.metrics.pixels import PixelScores
from blemish.records.findings import ImageRow
from blemish.result import GOOD
from oracles.bootstrap import slow_pixel_figures
from oracles.pixels import slow_au_pro, slow_aupimo

PIMO = (0.05, 0.7)  # false-positive rates that a few small images reach
THRESHOLD = 0
few = settings(max_examples=40, deadline=None)


@st.composite
def image_sets(draw, good=True):
    """Maps of whole numbers from -9 to 9 with many ties, masks, kinds; both classes are there."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    kinds = [*([GOOD] if good else []), "crack",
             *rng.choice([GOOD, "crack", "hole"], draw(st.integers(0, 4)))]  # fmt: skip
    maps, masks = [], []
    for kind in kinds:
        shape = tuple(rng.integers(2, 8, 2))
        mask = (rng.random(shape) < 0.3) & (kind != GOOD)
        mask[0, 0] = kind != GOOD
        maps.append(np.clip(rng.integers(-6, 6, shape) + 3 * mask, -9, 9).astype(np.float32))
        masks.append(mask)
    return maps, masks, [str(kind) for kind in kinds]


def all_figures(maps, masks, kinds, threshold=THRESHOLD):
    """Each figure by its name: of images, of pixels, of each type and of each image."""
    rows = [
        ImageRow(path=k, score=float(m.max()), label=k if k == GOOD else "defect", defect_type=k)
        for m, k in zip(maps, kinds, strict=True)
    ]
    with PixelScores(threshold) as pixels:
        for number, (score_map, mask, kind) in enumerate(zip(maps, masks, kinds, strict=True)):
            pixels.add(score_map, mask, name=str(number), kind=kind)
        counts = pixels.count(pimo_range=PIMO)
        types = figures_per_type(rows, threshold, pixels, counts)
        found = {
            **flat("image", image_figures(rows, threshold)),
            **flat("pixel", pixel_figures(pixels, counts)),
            **{name: value for kind in types for name, value in flat(kind, types[kind]).items()},
        }
        return found, pixels.aupimo(counts)


def flat(prefix, figures):
    return {f"{prefix}.{name}": value for name, value in figures.items()}


def without_thresholds(figures):
    return {name: value for name, value in figures.items() if "threshold" not in name}


def assert_same(found, expected):
    """All figures but thresholds, as far as sums in another order allow."""
    assert without_thresholds(found) == pytest.approx(without_thresholds(expected), abs=1e-12)


@few
@given(image_sets(), st.sampled_from([1e-3, 1.0, 1e6]), st.sampled_from([-2e6, 0.0, 1e6]),
       st.integers(0, 10**6))  # fmt: skip
def test_a_strictly_increasing_map_of_scores_moves_no_figure_at_all(case, scale, shift, seed):
    maps, masks, kinds = case
    steps = np.random.default_rng(seed).uniform(1, 9, 19) * max(scale, abs(shift) / 1e6)
    levels = (np.cumsum(steps) + shift).astype(np.float32)
    assert (np.diff(levels) > 0).all()
    mapped = [levels[score_map.astype(int) + 9] for score_map in maps]
    found, each = all_figures(mapped, masks, kinds, float(levels[THRESHOLD + 9]))
    expected, expected_each = all_figures(maps, masks, kinds)
    assert without_thresholds(found) == without_thresholds(expected)
    assert each == expected_each
    for level in ("image", "pixel"):
        before, after = (f[f"{level}.f1_max_threshold"] for f in (expected, found))
        assert after == levels[int(before) + 9]


@few
@given(image_sets(), st.randoms(use_true_random=False))
def test_the_order_of_images_moves_no_figure(case, random):
    order = random.sample(range(len(case[0])), len(case[0]))
    found, each = all_figures(*([part[i] for i in order] for part in case))
    expected, expected_each = all_figures(*case)
    assert_same(found, expected)
    assert each == [expected_each[i] for i in order]


TURNS = {
    "flipped": np.flipud,
    "mirrored": np.fliplr,
    "turned": np.rot90,
    "transposed": np.transpose,
    "twice as large": lambda array: array.repeat(2, axis=0).repeat(2, axis=1),
}


@few
@given(image_sets(), st.sampled_from(sorted(TURNS)))
def test_turning_or_enlarging_maps_and_masks_together_moves_no_figure(case, turn):
    maps, masks, kinds = case
    turned = ([TURNS[turn](array) for array in part] for part in (maps, masks))
    found, each = all_figures(*turned, kinds)
    expected, expected_each = all_figures(*case)
    assert_same(found, expected)
    assert each == pytest.approx(expected_each, abs=1e-12)


@few
@given(image_sets())
def test_every_image_twice_moves_no_figure_but_counts(case):
    found, _ = all_figures(*([*part, *part] for part in case))
    expected, _ = all_figures(*case)
    kinds = {name for name in expected if name.endswith(".images")}
    assert_same({name: value for name, value in found.items() if name not in kinds},
                {name: value for name, value in expected.items() if name not in kinds})  # fmt: skip


@few
@given(image_sets())
def test_the_other_way_round_auroc_is_one_less_it(case):
    maps, masks, kinds = case
    found, _ = all_figures([-score_map for score_map in maps], masks, kinds)
    assert found["pixel.auroc"] == pytest.approx(1 - all_figures(*case)[0]["pixel.auroc"])


@few
@given(image_sets(), st.sampled_from([1e-5, 1.0, 1e6]))
def test_perfect_maps_have_1_everywhere(case, apart):
    _, masks, kinds = case
    rng = np.random.default_rng(0)
    maps = [(rng.random(mask.shape) + 1.5 * mask).astype(np.float32) * apart for mask in masks]
    found, each = all_figures(maps, masks, kinds, 1.25 * apart)
    rates = ("false_alarm_rate", "miss_rate")
    for name, value in without_thresholds(found).items():
        if not name.endswith(".images") and value is not None:
            assert value == (0 if name.endswith(rates) else 1), name
    assert {value for value in each if value is not None} <= {1}
    assert found["pixel.au_pro_30"] == 1


@few
@given(image_sets(), st.floats(-1e6, 1e6, width=32))
def test_constant_maps_have_the_figures_of_guessing(case, value):
    _, masks, kinds = case
    constant = [np.full(mask.shape, value, np.float32) for mask in masks]
    found, _ = all_figures(constant, masks, kinds)
    assert (found["image.auroc"], found["pixel.auroc"]) == (0.5, 0.5)
    assert found["pixel.au_pro_30"] == pytest.approx(0.15)
    assert found["pixel.au_pro_5"] == pytest.approx(0.025)
    assert found["image.recall_at_0"] == 0
    assert found["pixel.ap"] == pytest.approx(np.mean(np.concatenate([m.ravel() for m in masks])))


@few
@given(image_sets(), st.integers(1, 60), st.integers(1, 9), st.sampled_from(["1", "3"]))
def test_blocks_on_disk_give_what_sorting_all_pixels_gives(case, block, stretch, cores):
    maps, masks, kinds = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "BLOCK_PIXELS", block)
        patch.setattr(counting, "STRETCH", stretch)
        patch.setenv("BLEMISH_CORES", cores)
        found, each = all_figures(*case)
    scores, truth = (np.concatenate([array.ravel() for array in part]) for part in (maps, masks))
    for name, value in slow_pixel_figures(scores, truth, THRESHOLD).items():
        assert found[f"pixel.{name}"] == pytest.approx(value, abs=1e-12), name
    for name, limit in (("au_pro_30", 0.3), ("au_pro_5", 0.05)):
        assert found[f"pixel.{name}"] == pytest.approx(slow_au_pro(maps, masks, limit), abs=1e-12)
    for kind in set(kinds) - {GOOD}:
        own = [number for number, its in enumerate(kinds) if its in (GOOD, kind)]
        expected = slow_au_pro([maps[i] for i in own], [masks[i] for i in own], 0.3)
        assert found[f"{kind}.pixel_au_pro_30"] == pytest.approx(expected, abs=1e-12)
    if any(value is not None for value in each):
        assert each == pytest.approx(slow_aupimo(maps, masks, *PIMO), abs=1e-12)


@few
@given(image_sets(good=False), st.floats(0.001, 1))
def test_au_pro_at_any_limit_equals_its_definition(case, limit):
    maps, masks, kinds = case
    with PixelScores(None) as pixels:
        for score_map, mask, kind in zip(maps, masks, kinds, strict=True):
            pixels.add(score_map, mask, name="a", kind=kind)
        found = au_pro(pixels.count().whole, limit)
    if found is None:
        assert all(mask.all() for mask in masks)
    else:
        assert found == pytest.approx(slow_au_pro(maps, masks, limit), abs=1e-12)
        assert 0 <= found <= 1
