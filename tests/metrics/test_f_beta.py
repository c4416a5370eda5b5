"""F-beta-max against precision and recall at every threshold."""

from __future__ import annotations

import numpy as np
import pytest

from blemish.metrics.catalogue import figures_of
from blemish.metrics.formulas import f1_max, f_beta_max, known
from blemish.metrics.ranking import rank
from oracles.bootstrap import slow_f_beta_max


@pytest.mark.parametrize("beta", [0.5, 1, 2])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (1e-3, -5), (1e3, 1000)])
def test_the_best_of_all_thresholds_is_found_also_among_ties(beta, seed, scale, shift):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(30) % 3 == 0)
    scores = np.float32(scale) * np.round(rng.normal(labels, 1), 0 if seed % 2 else 3) + shift
    found = known(f_beta_max, rank(scores, labels), beta)
    assert found == pytest.approx(slow_f_beta_max(scores, labels, beta), abs=1e-12)


def test_precision_counts_for_more_than_in_f1():
    cautious = rank([1, 2, 3, 4], [1, 0, 0, 1])  # at 4: precision 1, recall 1/2
    assert known(f_beta_max, cautious, 0.5) == pytest.approx(1.25 / (1 + 0.25 * 2))
    assert known(f1_max, cautious) == pytest.approx(2 / 3)


def test_one_class_only_is_undefined_without_defects_and_perfect_without_good():
    assert known(f_beta_max, rank([1, 2], [0, 0]), 0.5) is None
    assert known(f_beta_max, rank([1, 2], [1, 1]), 0.5) == 1


def test_it_is_a_figure_of_pixels_alone():
    assert "f05_max" in {figure.name for figure in figures_of("pixel")}
    assert "f05_max" not in {figure.name for figure in figures_of("image")}
