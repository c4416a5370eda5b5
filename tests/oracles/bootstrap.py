"""A draw of images written out: the images repeated, and figures made of the whole anew."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    fbeta_score,
    roc_auc_score,
)

from oracles.pixels import slow_recall


def slow_f1_max(scores, labels) -> float:
    """The best F1 of all thresholds."""
    return max(slow_f1(scores >= threshold, labels) for threshold in set(scores.tolist()))


def slow_f1(flagged, labels) -> float:
    caught = np.count_nonzero(flagged & labels)
    return 2 * caught / (np.count_nonzero(flagged) + np.count_nonzero(labels))


def slow_figures(scores, labels, threshold) -> dict[str, float]:
    """Figures of scores and labels, good and defective ones being there."""
    scores, labels = np.asarray(scores, np.float32), np.asarray(labels, bool)
    flagged = scores > threshold
    return {
        "auroc": roc_auc_score(labels, scores),
        "ap": average_precision_score(labels, scores),
        "f1_max": slow_f1_max(scores, labels),
        "f1": slow_f1(flagged, labels),
        "false_alarm_rate": np.mean(flagged[~labels]),
        "miss_rate": np.mean(~flagged[labels]),
    }


def slow_pixel_figures(scores, labels, threshold) -> dict[str, float]:
    """The same of pixels, which have some of their own."""
    return slow_figures(scores, labels, threshold) | {
        "f05_max": slow_f_beta_max(np.asarray(scores, np.float32), np.asarray(labels, bool), 0.5)
    }


def slow_f_beta_max(scores, labels, beta) -> float:
    """The best F-beta of all thresholds, from precision and recall."""
    return max(
        fbeta_score(labels, scores >= threshold, beta=beta) for threshold in set(scores.tolist())
    )


def slow_image_draw(scores, labels, threshold, times) -> dict[str, float]:
    """Figures of one draw of images."""
    scores, labels = np.repeat(scores, times), np.repeat(labels, times)
    recalls = {f"recall_at_{rate}": slow_recall(scores, labels, rate / 100) for rate in (0, 1, 5)}
    balanced = balanced_accuracy_score(labels, scores > threshold)
    return slow_figures(scores, labels, threshold) | recalls | {"balanced_accuracy": balanced}
