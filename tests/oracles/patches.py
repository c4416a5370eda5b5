"""The authors' embedding and greedy selection, written down plainly in float64."""

from __future__ import annotations

import numpy as np

from oracles.maps import bilinear


def adaptive_average(values: np.ndarray, outputs: int) -> np.ndarray:
    """Adaptive average pooling of the last axis, bin by bin."""
    inputs = values.shape[-1]
    bins = []
    for i in range(outputs):
        first, last = int(np.floor(i * inputs / outputs)), int(np.ceil((i + 1) * inputs / outputs))
        bins.append(values[..., first:last].mean(axis=-1))
    return np.stack(bins, axis=-1)


def neighbourhoods(features: np.ndarray, side: int) -> np.ndarray:
    """C x h x w to h x w x (C side side), padded with zeros, flattened channel by channel."""
    reach = side // 2
    padded = np.pad(features, ((0, 0), (reach, reach), (reach, reach)))
    _, height, width = features.shape
    return np.array(
        [
            [padded[:, y : y + side, x : x + side].reshape(-1) for x in range(width)]
            for y in range(height)
        ]
    )


def enlarged(grid: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """h x w x D to another grid size, bilinear."""
    out = grid
    for axis in (0, 1):
        step = grid.shape[axis] / size_hw[axis]
        out = np.moveaxis(bilinear(np.moveaxis(out, axis, 0), size_hw[axis], step), 0, axis)
    return out


def pooled_embedding(levels: list[np.ndarray], side: int, width: int) -> np.ndarray:
    """The authors' code for one image: levels C x h x w to h x w x width."""
    size_hw = levels[0].shape[1:]
    pooled = [
        enlarged(adaptive_average(neighbourhoods(level.astype(np.float64), side), width), size_hw)
        for level in levels
    ]
    stacked = np.stack(pooled, axis=2)
    return adaptive_average(stacked.reshape(*size_hw, -1), width)


def concatenated_embedding(levels: list[np.ndarray], side: int) -> np.ndarray:
    """Mean of each neighbourhood, zeros counted; all channels end to end."""
    size_hw = levels[0].shape[1:]
    means = []
    for level in levels:
        hoods = neighbourhoods(level.astype(np.float64), side)
        mean = hoods.reshape(*level.shape[1:], level.shape[0], side * side).mean(axis=-1)
        means.append(enlarged(mean, size_hw))
    return np.concatenate(means, axis=2)


def greedy(points: np.ndarray, count: int, first: int) -> list:
    """Farthest point selection, one pick at a time, in float64."""
    points = points.astype(np.float64)
    picks = [first]
    nearest = np.linalg.norm(points - points[first], axis=1)
    while len(picks) < count:
        nearest[picks] = -1
        best = int(nearest.argmax())
        picks.append(best)
        nearest = np.minimum(nearest, np.linalg.norm(points - points[best], axis=1))
    return picks
