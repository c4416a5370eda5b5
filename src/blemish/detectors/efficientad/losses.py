"""What the nets are trained to make small. Batzner et al., WACV 2024, section 3.2 and 3.3.

Convention: features are N x C x h x w; each loss is one number, the mean over the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def hard_feature_loss(
    student: Tensor, teacher: Tensor, quantile: float, counted: Tensor | None = None
) -> Tensor:
    """Mean of the largest squared differences of each image.

    Args:
        student: its first half of features.
        teacher: normalised.
        quantile: an image's differences at or above this quantile of its own count (0.999 in the
            paper, over all channels and cells together); 0 for all.
        counted: N x 1 x h x w, 1 for cells that count and 0 for others; `None` for all.
    """
    differences = squared_difference(student, teacher)
    if counted is None:
        return _mean_of_highest(differences.flatten(1), quantile)
    if not quantile:
        return (differences * counted).mean() / counted.mean()
    each = [
        _mean_of_highest(image[:, cells].flatten()[None], quantile)
        for image, cells in zip(differences, counted[:, 0] > 0, strict=True)
    ]
    return torch.stack(each).mean()


def _mean_of_highest(differences: Tensor, quantile: float) -> Tensor:
    """Mean over the rows of the mean of those values at or above a quantile of the row."""
    if not quantile:
        return differences.mean()
    hard = differences >= quantile_of(differences.detach(), quantile)
    return (torch.where(hard, differences, 0).sum(1) / hard.sum(1)).mean()


def mean_of_levels(
    loss: Callable[[Tensor, Tensor], Tensor],
    student: Tensor,
    teacher: Tensor,
    followed: tuple[int, ...],
) -> Tensor:
    """Mean of a loss of each of the teacher's levels, of so many features."""
    pairs = zip(student.split(followed, 1), teacher.split(followed, 1), strict=True)
    return torch.stack([loss(one, other) for one, other in pairs]).mean()


def quantile_of(values: Tensor, quantile: float) -> Tensor:
    """The quantile of each row, interpolated linearly, N x 1; exact for rows of any length.

    `torch.quantile` refuses long rows, and works out the rank in single precision.
    """
    count = values.shape[1]
    rank = quantile * (count - 1)
    below = math.floor(rank)
    top = values.topk(min(count - below, count), dim=1).values
    low, high = top[:, -1:], top[:, max(top.shape[1] - 2, 0), None]
    return low + (high - low) * (rank - below)


def penalty_loss(student: Tensor) -> Tensor:
    """Mean square of the student's first half on images that are not from the category."""
    return student.float().square().mean()


def distance(one: Tensor, other: Tensor) -> Tensor:
    """Mean squared difference: autoencoder to teacher, student's second half to autoencoder."""
    return squared_difference(one, other).mean()


def squared_difference(one: Tensor, other: Tensor) -> Tensor:
    """In single precision, whatever the nets compute in."""
    return (one.float() - other.float()).square()
