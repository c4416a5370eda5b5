"""From an anomaly map to regions: connected pixels above a threshold.

Connected means 8-connected, diagonal neighbours included. Works on runs (stretches of pixels in a
row), so that its cost follows what is flagged and not the size of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.result import Region


def find_regions(
    score_map: NDArray[np.float32], threshold: float, *, smallest_px: int = 1
) -> tuple[Region, ...]:
    """Regions whose scores are above the threshold, highest peak first.

    Args:
        score_map: H x W, raw scores.
        threshold: a pixel belongs to a region where its score is greater.
        smallest_px: regions of fewer pixels are left out.
    """
    flagged = score_map > threshold
    if not flagged.any():
        return ()
    runs = _find_runs(flagged)
    labels = _join_runs(runs)
    order = np.argsort(labels, kind="stable")
    borders = np.flatnonzero(np.diff(labels[order])) + 1
    members = np.split(order, borders)
    regions = [_describe(score_map, runs, rows) for rows in members]
    large = [region for region in regions if region.area_px >= smallest_px]
    return tuple(sorted(large, key=lambda region: (-region.peak_score, region.box_xyxy)))


def label_regions(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each true pixel, in reading order, the number of its region, counted from 0.

    Args:
        mask: H x W.
    """
    runs = _find_runs(mask)
    if not len(runs.row):
        return np.empty(0, np.int64)
    _, numbers = np.unique(_join_runs(runs), return_inverse=True)
    return np.repeat(numbers, runs.end - runs.start)


@dataclass(frozen=True, eq=False)
class _Runs:
    """Stretches of flagged pixels: row, first column, column behind the last; in reading order."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


def _find_runs(flagged: NDArray[np.bool_]) -> _Runs:
    stride = flagged.shape[1] + 2  # an unflagged pixel on either side keeps rows apart
    padded = np.zeros((flagged.shape[0], stride), np.bool_)
    padded[:, 1:-1] = flagged
    pixels = padded.reshape(-1)
    borders = np.flatnonzero(pixels[1:] != pixels[:-1])
    starts, ends = borders[::2], borders[1::2]
    return _Runs(starts // stride, starts % stride, ends % stride)


def _join_runs(runs: _Runs) -> NDArray[np.int64]:
    """For each run, the number of the first run of its region."""
    above, below = _touching(runs)
    labels = np.arange(len(runs.row))
    while True:
        lowest = np.minimum(labels[above], labels[below])
        joined = labels.copy()
        np.minimum.at(joined, labels[above], lowest)
        np.minimum.at(joined, labels[below], lowest)
        while not np.array_equal(joined, joined[joined]):
            joined = joined[joined]
        if np.array_equal(joined[labels], labels):
            return labels
        labels = joined[labels]


def _touching(runs: _Runs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of runs in neighbouring rows that touch, diagonals included."""
    stride = int(runs.end.max()) + 2  # no run of one row reaches the keys of the next
    starts, ends = runs.row * stride + runs.start, runs.row * stride + runs.end
    first = np.searchsorted(ends, starts - stride, side="left")
    last = np.searchsorted(starts, ends - stride, side="right")
    counts = np.maximum(last - first, 0)
    below = np.repeat(np.arange(len(runs.row)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(first, counts) + within, below


def _describe(score_map: NDArray[np.float32], runs: _Runs, members: NDArray[np.int64]) -> Region:
    rows, starts, ends = runs.row[members], runs.start[members], runs.end[members]
    peaks = [
        (float(score_map[row, start:end].max()), int(row), int(start), int(end))
        for row, start, end in zip(rows, starts, ends, strict=True)
    ]
    peak, row, start, end = max(peaks, key=lambda run: (run[0], -run[1], -run[2]))
    return Region(
        area_px=int((ends - starts).sum()),
        box_xyxy=(int(starts.min()), int(rows.min()), int(ends.max()), int(rows.max()) + 1),
        peak_score=peak,
        peak_xy=(start + int(score_map[row, start:end].argmax()), row),
    )
