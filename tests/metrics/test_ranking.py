"""AUROC, AP and F1-max against scikit-learn and plain definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.integrate import trapezoid
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from blemish.metrics.ranking import (
    auroc,
    average_precision,
    count_ranks,
    distinct,
    f1_max,
    rank,
    recall_within,
    roc_curve,
)
from oracles.pixels import slow_recall

scored = st.integers(2, 60).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float32, n, elements=st.floats(-1000, 1000, width=32)),
        hnp.arrays(np.bool_, n),
    )
)


def slow_f1_max(scores, labels):
    best = (0.0, None)
    for threshold in sorted(set(scores.tolist()), reverse=True):
        flagged = scores >= threshold
        caught = (flagged & labels).sum()
        f1 = 2 * caught / (flagged.sum() + labels.sum())
        if f1 > best[0]:
            best = (f1, threshold)
    return best


@settings(max_examples=150, deadline=None)
@given(scored)
def test_figures_equal_their_definitions_with_and_without_ties(case):
    scores, labels = case
    for values in (scores, np.round(scores / 500)):
        counts = rank(values, labels)
        if labels.all() or not labels.any():
            assert auroc(counts) is None
        else:
            assert auroc(counts) == pytest.approx(roc_auc_score(labels, values), abs=1e-12)
        if labels.any():
            expected = average_precision_score(labels, values)
            assert average_precision(counts) == pytest.approx(expected, abs=1e-12)
            best, threshold = f1_max(counts)
            slow, slow_threshold = slow_f1_max(values, labels)
            assert best == pytest.approx(slow, abs=1e-12)
            assert threshold == slow_threshold
        else:
            assert average_precision(counts) is None
            assert f1_max(counts) is None


@settings(max_examples=50, deadline=None)
@given(scored)
def test_a_strictly_increasing_map_of_the_scores_changes_nothing(case):
    scores, labels = case
    values = np.round(scores).astype(np.float32)
    stretched = (values * 3 + 7).astype(np.float32)
    for figure in (auroc, average_precision):
        assert figure(rank(values, labels)) == figure(rank(stretched, labels))


@settings(max_examples=80, deadline=None)
@given(scored, st.sampled_from([0.0, 0.01, 0.05, 0.5, 1.0]))
def test_recall_at_a_share_of_false_alarms_equals_trying_all_thresholds(case, rate):
    scores, labels = case
    for values in (scores, np.round(scores / 500)):
        found = recall_within(rank(values, labels), rate)
        if labels.all() or not labels.any():
            assert found is None
        else:
            assert found == pytest.approx(slow_recall(values, labels, rate), abs=1e-12)


def test_recall_without_false_alarms_counts_what_lies_above_all_good():
    counts = rank([1, 5, 5, 6, 7], [0, 0, 1, 1, 1])
    assert recall_within(counts, 0.0) == pytest.approx(2 / 3)
    assert recall_within(counts, 0.5) == 1


def test_counts_of_blocks_add_up_to_the_counts_of_the_whole():
    rng = np.random.default_rng(0)
    scores = rng.integers(-30, 30, 1000).astype(np.float32)
    labels = rng.random(1000) < 0.1
    values = distinct([scores[labels]])
    parts = [
        count_ranks(values, s[lb], s[~lb])
        for s, lb in zip(np.split(scores, 10), np.split(labels, 10), strict=True)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    assert auroc(total) == auroc(rank(scores, labels))
    assert f1_max(total) == f1_max(rank(scores, labels))
    precision, recall, _ = precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    assert f1_max(total)[0] == pytest.approx(f1.max())


def test_values_of_other_kinds_above_all_scores_of_one_change_no_figure():
    good, own = np.float32([1, 2, 4]), np.float32([2, 3])
    alone = count_ranks(own, own, good)
    among_others = count_ranks(np.float32([2, 3, 9]), own, good)
    for figure in (auroc, average_precision, f1_max):
        assert figure(among_others) == figure(alone)


def test_large_and_negative_scores_keep_their_order():
    scores = np.array([-1e6, -5, 0, 3e6, 2.9999998e6], np.float32)
    assert auroc(rank(scores, [0, 0, 0, 1, 1])) == 1


def test_scores_of_64_bits_keep_their_digits_and_those_of_32_are_left():
    close = [1 - 1e-15, 1 - 2e-15, 1 - 3e-15]
    assert auroc(rank(close, [1, 0, 0])) == 1
    assert f1_max(rank(close, [1, 0, 0])) == (1, close[0])
    assert auroc(rank(np.float32(close), [1, 0, 0])) == 0.5
    assert rank([2, 1], [1, 0]).values.dtype == np.float64
    assert rank(np.float32([2, 1]), [1, 0]).values.dtype == np.float32


def test_a_score_that_is_not_a_number_is_an_error():
    with pytest.raises(ValueError, match="NaN"):
        rank([1.0, np.nan], [0, 1])


def test_the_curve_rises_from_none_to_all():
    rng = np.random.default_rng(0)
    labels = rng.random(5000) < 0.3
    counts = rank(rng.standard_normal(5000) + labels, labels)
    alarms, recall = roc_curve(counts)
    assert (alarms[0], recall[0], alarms[-1], recall[-1]) == (0, 0, 1, 1)
    assert (np.diff(alarms) >= 0).all()
    assert (np.diff(recall) >= 0).all()
    assert len(alarms) < 500
    assert trapezoid(recall, alarms) == pytest.approx(auroc(counts), abs=2e-3)
