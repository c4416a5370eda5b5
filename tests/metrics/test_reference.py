"""Every stored case: figures of the reference code, of scikit-learn, and of re-derivations."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import blemish
from blemish.evaluation import ScoreMaps, evaluate_maps
from blemish.metrics.overlap import au_pro, pro_curve
from blemish.metrics.pixels import PixelScores
from blemish.metrics.ranking import auroc, average_precision, f1_max, rank
from oracles.pixels import authors_aupimo

CASES = [
    *("aupimo_size_111", "constant_109", "continuous_101", "continuous_102", "magnitude_104"),
    *("no_defect_108", "perfect_110", "single_region_105", "sizes_107", "ties8_103"),
    "tiny_regions_106",
]
LIMITS = ("0.01", "0.05", "0.1", "0.3", "1.0")


class Case:
    """Maps, masks and what is expected of them."""

    def __init__(self, folder: Path, name: str) -> None:
        arrays = np.load(folder / f"{name}.npz")
        numbers = range(int(arrays["n"]))
        self.maps = [arrays[f"map_{i:03}"] for i in numbers]
        self.masks = [arrays[f"mask_{i:03}"] > 0 for i in numbers]
        self.expected = json.loads((folder / f"{name}.json").read_text())["expected"]

    def counted(self, **options):
        """Counts of all pixels, and the AUPIMO of each image."""
        with PixelScores(threshold=None) as pixels:
            for number, (score_map, mask) in enumerate(zip(self.maps, self.masks, strict=True)):
                kind = f"kind {number % 2}" if mask.any() else "good"
                pixels.add(score_map, mask, name=str(number), kind=kind)
            counts = pixels.count(**options)
            return counts, pixels.aupimo(counts)


@pytest.fixture(scope="module")
def folder(shared) -> Path:
    return shared / "oracles" / "metrics"


@pytest.fixture(params=CASES)
def case(folder, request) -> Case:
    return Case(folder, request.param)


def known(value):
    """A stored figure, or `None` where the reference raised or has none."""
    return None if isinstance(value, dict) or value in (None, "nan") else pytest.approx(value)


def test_no_stored_case_is_left_out(folder):
    assert sorted(path.stem for path in folder.glob("*.npz")) == CASES
    assert sorted(path.stem for path in folder.glob("*.json")) == CASES


def test_ranking_of_pixels(case):
    ranks, expected = case.counted()[0].whole.ranks, case.expected
    assert auroc(ranks) == known(expected["pixel_auroc_official"])
    assert auroc(ranks) == known(expected["pixel_auroc_sklearn"])
    assert auroc(ranks) == known(expected["rederived"]["pixel_auroc"])
    assert average_precision(ranks) == known(expected["rederived"]["pixel_ap"])
    assert_best_f1(f1_max(ranks), expected["pixel_f1max"])


def test_ranking_of_images(case):
    expected = case.expected
    scores = [score_map.max() for score_map in case.maps]
    assert scores == pytest.approx(expected["image_scores"], abs=0)
    ranks = rank(scores, expected["image_labels"])
    assert auroc(ranks) == known(expected["image_auroc_official"])
    assert auroc(ranks) == known(expected["rederived"]["image_auroc"])
    assert average_precision(ranks) == known(expected["rederived"]["image_ap"])
    assert_best_f1(f1_max(ranks), expected["image_f1max"])


def assert_best_f1(found, expected):
    if expected is None:
        assert found is None
        return
    best, threshold = found
    assert best == pytest.approx(float(Fraction(expected["f1_exact"])), abs=1e-15)
    assert threshold == expected["threshold_highest"]


@pytest.mark.parametrize("limit", LIMITS)
def test_au_pro_at_every_stored_limit(case, limit):
    counts, expected = case.counted()[0].whole, case.expected
    found = au_pro(counts, float(limit))
    if not expected["aupro_defined"]:  # what the official code gives there is no figure
        assert (found, pro_curve(counts)) == (None, None)
        return
    assert found == pytest.approx(expected["aupro_rederived_float64"][limit], abs=1e-12)
    assert found == pytest.approx(expected["aupro_official"][limit], abs=1e-8)


def test_regions_are_8_connected(case):
    regions = case.counted()[0].whole.shares.sum()
    assert regions == pytest.approx(case.expected["n_regions_8_connected"])


@pytest.mark.parametrize("ends", ["1e-05..0.0001", "0.001..0.1"])
def test_aupimo_is_exact_on_distinct_thresholds_and_the_authors_own_differs_by_theirs(case, ends):
    low, high = map(float, ends.split(".."))
    found, reference = case.counted(pimo_range=(low, high))[1], case.expected["aupimo"][ends]
    if "error" in reference:
        if "not run" not in reference["error"]:  # it takes images of one size only
            assert found == [None] * len(case.maps)
        return
    exact = [known(value) for value in reference["scores_all_distinct_thresholds"]]
    assert found == exact
    authors = authors_aupimo(case.maps, case.masks, low, high)
    for value, own, theirs in zip(found, authors, reference["scores"], strict=True):
        if value is not None:
            assert own == pytest.approx(theirs, abs=1e-6)
            assert value == pytest.approx(theirs, abs=0.02)


def test_the_same_through_files(case, tmp_path):
    """Images, masks and maps on disk: `blemish evaluate --maps` gives the official figures."""
    for number, (score_map, mask) in enumerate(zip(case.maps, case.masks, strict=True)):
        kind = "spot" if mask.any() else "good"
        write(tmp_path / f"tile/test/{kind}/{number:03}.png", np.zeros(mask.shape, np.uint8))
        write(tmp_path / f"maps/tile/test/{kind}/{number:03}.tiff", score_map)
        if mask.any():
            path = tmp_path / f"tile/ground_truth/{kind}/{number:03}_mask.png"
            write(path, 255 * mask.astype(np.uint8))
    write(tmp_path / "tile/train/good/000.png", np.ones((8, 8), np.uint8))
    dataset, expected = blemish.open_dataset(tmp_path / "tile"), case.expected
    found = evaluate_maps(ScoreMaps(tmp_path / "maps", dataset))
    assert found.image["auroc"] == known(expected["image_auroc_official"])
    assert found.image["ap"] == known(expected["rederived"]["image_ap"])
    assert found.pixel["auroc"] == known(expected["pixel_auroc_official"])
    assert found.pixel["ap"] == known(expected["rederived"]["pixel_ap"])
    for name, limit in (("au_pro_30", "0.3"), ("au_pro_5", "0.05")):
        official = expected["aupro_official"][limit] if expected["aupro_defined"] else None
        assert found.pixel[name] == known(official)


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
