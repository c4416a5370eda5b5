"""What follows from decisions at a threshold, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from blemish.metrics.catalogue import figures_of
from blemish.metrics.decisions import Decisions, balanced_accuracy, decide
from blemish.metrics.formulas import known


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (1, -5), (1e3, 1000)])
def test_balanced_accuracy_is_that_of_scikit_learn_also_at_a_tied_threshold(seed, scale, shift):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(40) % 4 == 0)
    scores = scale * np.round(rng.normal(labels, 1)) + shift
    threshold = float(np.median(scores))  # which several images have as their score
    found = known(balanced_accuracy, decide(scores, labels, threshold))
    assert found == pytest.approx(balanced_accuracy_score(labels, scores > threshold), abs=1e-12)


def test_it_is_the_mean_of_both_shares_however_many_images_there_are():
    assert known(balanced_accuracy, Decisions(3, 1, 10, 90)) == pytest.approx((0.75 + 0.9) / 2)
    assert known(balanced_accuracy, Decisions(30, 10, 10, 90)) == pytest.approx((0.75 + 0.9) / 2)


def test_of_one_class_only_or_without_a_threshold_it_is_undefined():
    for counts in (Decisions(3, 1, 0, 0), Decisions(0, 0, 1, 9), Decisions()):
        assert known(balanced_accuracy, counts) is None


def test_it_is_a_figure_of_images_at_the_threshold():
    (figure,) = (f for f in figures_of("image") if f.name == "balanced_accuracy")
    assert figure.at_threshold
    assert "balanced_accuracy" not in {f.name for f in figures_of("pixel")}
