"""Intervals, bounds where all is perfect, and comparisons of two detectors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, norm

from blemish.metrics.bootstrap import image_draws, resample
from blemish.metrics.intervals import difference, intervals
from blemish.metrics.ranking import auroc, rank


def drawn(scores, labels, threshold=0.0, seed=0):
    labels = np.asarray(labels, bool)
    return image_draws(scores, labels, threshold, resample(labels, seed=seed))


def noisy(seed, count=80, apart=1.0):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2 == 0
    return rng.standard_normal(count) + labels * apart, labels


def test_an_interval_holds_the_middle_95_percent_of_the_draws():
    draws = {"auroc": np.linspace(0.5, 0.9, 2001)}
    ends = intervals({"auroc": 0.7}, draws, level="image", good=40, defective=40)["auroc"]
    assert ends == pytest.approx([0.51, 0.89])


def test_intervals_hold_the_truth_about_as_often_as_they_should():
    truth = 0.7602  # of two normal distributions, 1 apart: the chance of the right order
    holds = 0
    for seed in range(60):
        scores, labels = noisy(seed)
        low, high = intervals({"auroc": 0.5}, {"auroc": drawn(scores, labels)["auroc"]},
                              level="image", good=40, defective=40)["auroc"]  # fmt: skip
        holds += low <= truth <= high
    assert holds >= 52


@pytest.mark.parametrize(
    ("level", "name", "figure", "images"),
    [("image", "auroc", 1.0, 20), ("pixel", "au_pro_30", 1.0, 20),
     ("image", "recall_at_0", 1.0, 20),
     ("image", "f1", 1.0, 20), ("image", "miss_rate", 0.0, 20), ("pixel", "region_recall", 1.0, 20),
     ("pixel", "false_alarm_rate", 0.0, 90)],
)  # fmt: skip
def test_where_all_is_perfect_a_one_sided_binomial_bound_takes_the_place_of_no_width(
    level, name, figure, images
):
    draws = {name: np.full(100, figure)}
    ends = intervals({name: figure}, draws, level=level, good=90, defective=20)[name]
    lowest = beta.ppf(0.05, images, 1)  # Clopper and Pearson, all of them right
    expected = [lowest, 1.0] if figure else [0.0, 1 - lowest]
    assert ends == pytest.approx(expected, abs=1e-9)


def test_were_the_auroc_at_its_bound_few_test_sets_would_be_perfect():
    rng = np.random.default_rng(0)
    low, _ = intervals({"auroc": 1.0}, {"auroc": np.ones(9)}, level="image", good=48, defective=50)[
        "auroc"
    ]
    apart = np.sqrt(2) * norm.ppf(low)  # two normal distributions with that AUROC
    perfect = [
        rng.standard_normal(48).max() < apart + rng.standard_normal(50).min() for _ in range(2000)
    ]
    assert np.mean(perfect) < 0.05


def test_a_class_of_one_image_gives_no_interval():
    draws = {name: np.linspace(0, 1, 11) for name in ("auroc", "miss_rate", "false_alarm_rate")}
    found = intervals(dict.fromkeys(draws, 0.5), draws, level="image", good=30, defective=1)
    assert found["auroc"] is None
    assert found["miss_rate"] is None
    assert found["false_alarm_rate"] is not None


def test_an_undefined_figure_has_no_interval():
    draws = {"auroc": np.full(10, np.nan), "ap": np.full(10, 0.5)}
    found = intervals({"auroc": None, "ap": None}, draws, level="image", good=5, defective=5)
    assert found == {"auroc": None, "ap": None}


def test_two_detectors_are_compared_on_the_same_images():
    scores, labels = noisy(1, apart=2.0)
    worse = scores + np.random.default_rng(2).normal(0, 0.5, len(scores))
    first, second = auroc(rank(scores, labels)), auroc(rank(worse, labels))
    paired = difference(
        first, second, drawn(scores, labels)["auroc"], drawn(worse, labels)["auroc"]
    )
    other_images = drawn(worse, labels, seed=1)["auroc"]
    unpaired = difference(first, second, drawn(scores, labels)["auroc"], other_images)
    assert paired.value == first - second
    assert paired.low <= paired.value <= paired.high
    assert paired.high - paired.low < unpaired.high - unpaired.low
    assert 0.5 < paired.first_wins <= 1


def test_a_detector_against_itself_wins_half():
    draws = drawn(*noisy(3))["ap"]
    same = difference(0.8, 0.8, draws, draws)
    assert (same.value, same.low, same.high, same.first_wins) == (0, 0, 0, 0.5)
