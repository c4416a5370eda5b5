"""From an anomaly map to regions: connected pixels above a threshold.

Connected means 8-connected, diagonal neighbours included. Works on runs (stretches of pixels in a
row), so that its cost follows what is flagged and not the size of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.images.outlines import trace_outline
from blemish.result import Region


def find_regions(
    score_map: NDArray[np.float32],
    threshold: float,
    *,
    smallest_px: int = 1,
    outlines: bool = False,
) -> tuple[Region, ...]:
    """Regions whose scores are above the threshold, highest peak first.

    Args:
        score_map: H x W, raw scores.
        threshold: a pixel belongs to a region where its score is greater.
        smallest_px: regions of fewer pixels are left out.
        outlines: whether to trace the outline of each region.
    """
    flagged = score_map > threshold
    if not flagged.any():
        return ()
    runs = _find_runs(flagged)
    labels = _join_runs(runs)
    order = np.argsort(labels, kind="stable")
    borders = np.flatnonzero(np.diff(labels[order])) + 1
    parts = [runs.take(members) for members in np.split(order, borders)]
    large = [part for part in parts if part.area_px >= smallest_px]
    regions = [_describe(score_map, part, outlines=outlines) for part in large]
    return tuple(sorted(regions, key=lambda region: (-region.peak_score, region.box_xyxy)))


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

    @property
    def area_px(self) -> int:
        return int((self.end - self.start).sum())

    def take(self, members: NDArray[np.int64]) -> _Runs:
        return _Runs(self.row[members], self.start[members], self.end[members])


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


def _describe(score_map: NDArray[np.float32], runs: _Runs, *, outlines: bool) -> Region:
    peaks = [
        (float(score_map[row, start:end].max()), int(row), int(start), int(end))
        for row, start, end in zip(runs.row, runs.start, runs.end, strict=True)
    ]
    peak, row, start, end = max(peaks, key=lambda run: (run[0], -run[1], -run[2]))
    x0, y0, x1, y1 = runs.start.min(), runs.row.min(), runs.end.max(), runs.row.max() + 1
    return Region(
        area_px=runs.area_px,
        box_xyxy=(int(x0), int(y0), int(x1), int(y1)),
        peak_score=peak,
        peak_xy=(start + int(score_map[row, start:end].argmax()), row),
        outline_xy=trace_outline(runs.row, runs.start, runs.end) if outlines else None,
    )
