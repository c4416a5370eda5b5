"""A map from a grid of scores, one step after the other, in float64."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def bilinear(values: np.ndarray, outputs: int, step: float) -> np.ndarray:
    """Linear interpolation along axis 0, pixel centres at half, border repeated."""
    last = len(values) - 1
    rows = []
    for i in range(outputs):
        at = min(max((i + 0.5) * step - 0.5, 0), last)
        low = int(at)
        high = min(low + 1, last)
        rows.append(values[low] * (1 - (at - low)) + values[high] * (at - low))
    return np.array(rows)


def slow_map(grid, content_hw, padded_hw, image_hw, sigma, grid_hw=None):
    """Enlarge a grid to the working image, smooth it there, and go back to the image's size."""
    grid_hw = grid_hw or grid.shape
    working = grid.astype(np.float64)
    for axis in (0, 1):
        step = grid_hw[axis] / padded_hw[axis]
        working = np.moveaxis(
            bilinear(np.moveaxis(working, axis, 0), content_hw[axis], step), 0, axis
        )
    if sigma:
        working = gaussian_filter(working, sigma, mode="reflect", truncate=4.0)
    for axis in (0, 1):
        step = content_hw[axis] / image_hw[axis]
        working = np.moveaxis(
            bilinear(np.moveaxis(working, axis, 0), image_hw[axis], step), 0, axis
        )
    return working
