"""Pixel figures from their definitions: every distinct score a threshold, one after the other."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from scipy.integrate import trapezoid


def flood_regions(mask: np.ndarray) -> list[list[tuple[int, int]]]:
    """The 8-connected regions of a mask, by flood fill."""
    waiting = {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}
    regions = []
    while waiting:
        edge, region = [waiting.pop()], []
        while edge:
            y, x = edge.pop()
            region.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & waiting
            waiting -= near
            edge += near
        regions.append(region)
    return regions


def thresholds(maps) -> list[float]:
    """All distinct scores, highest first."""
    return sorted({float(score) for score_map in maps for score in score_map.ravel()}, reverse=True)


def slow_pro_curve(maps, masks) -> list[tuple[float, float]]:
    """(false-positive rate, PRO) at each threshold, from (0, 0)."""
    regions = [
        score_map[tuple(np.transpose(region))]
        for score_map, mask in zip(maps, masks, strict=True)
        for region in flood_regions(mask)
    ]
    others = np.concatenate([m[~k] for m, k in zip(maps, masks, strict=True)])
    return [(0.0, 0.0)] + [
        (
            float(np.mean(others >= threshold)),
            float(np.mean([np.mean(region >= threshold) for region in regions])),
        )
        for threshold in thresholds(maps)
    ]


def slow_au_pro(maps, masks, limit: float) -> float:
    """Trapezoids up to the limit, interpolated there, divided by the limit."""
    return trapezoids(slow_pro_curve(maps, masks), 0.0, limit) / limit


def slow_au_spro(maps, regions, limit: float) -> float:
    """The same where a region is found once enough of its pixels are.

    `regions`: for each map, pairs of a mask and how many pixels are enough.
    """
    found = [(m[k], enough) for m, own in zip(maps, regions, strict=True) for k, enough in own]
    others = np.concatenate([
        m[~np.any([k for k, _ in own] or [np.zeros(m.shape, bool)], axis=0)]
        for m, own in zip(maps, regions, strict=True)
    ])  # fmt: skip
    points = [(0.0, 0.0)] + [
        (
            float(np.mean(others >= threshold)),
            float(np.mean([min((s >= threshold).sum() / enough, 1) for s, enough in found])),
        )
        for threshold in thresholds(maps)
    ]
    return trapezoids(points, 0.0, limit) / limit


def slow_aupimo(maps, masks, low: float, high: float) -> list[float | None]:
    """AUPIMO of each image, each score of good images a threshold; `None` of good images."""
    good = [m for m, k in zip(maps, masks, strict=True) if not k.any()]
    every = thresholds(good)
    rates = [float(np.mean([np.mean(m >= threshold) for m in good])) for threshold in every]
    values: list[float | None] = []
    for score_map, mask in zip(maps, masks, strict=True):
        if not mask.any():
            values.append(None)
            continue
        recalls = [float(np.mean(score_map[mask] >= threshold)) for threshold in every]
        points = [(math.log(x), y) for x, y in zip(rates, recalls, strict=True) if x > 0]
        width = math.log(high) - math.log(low)
        values.append(trapezoids(points, math.log(low), math.log(high)) / width)
    return values


def trapezoids(points: list[tuple[float, float]], low: float, high: float) -> float:
    """Area under a polyline between two places on its axis."""
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        first, last = max(x0, low), min(x1, high)
        if first < last:
            heights = [y0 + (y1 - y0) * (x - x0) / (x1 - x0) for x in (first, last)]
            area += (last - first) * sum(heights) / 2
    return area


def slow_recall(scores, labels, rate: float) -> float:
    """The best recall of all thresholds (and of none) that flag so few of the good."""
    scores, labels = np.asarray(scores), np.asarray(labels, bool)
    best = 0.0
    for threshold in set(scores.tolist()):
        flagged = scores >= threshold
        if np.mean(flagged[~labels]) <= rate + 1e-12:
            best = max(best, float(np.mean(flagged[labels])))
    return best


def authors_aupimo(maps, masks, low: float, high: float, thresholds=300_000) -> list[float | None]:
    """AUPIMO with the thresholds of its authors' code.

    These are evenly spaced over the scores of good images; the ends are the nearest rates that
    any of them reaches, while the width of the range stays what was asked for.
    """
    good = [score_map for score_map, mask in zip(maps, masks, strict=True) if not mask.any()]
    lowest, highest = min(m.min() for m in good), max(m.max() for m in good)
    every = np.linspace(lowest, highest, thresholds, dtype=np.float32)
    rates = np.mean([share_at_least(score_map, every) for score_map in good], axis=0)
    first, last = (int(np.argmin(np.abs(rates - rate))) for rate in (high, low))
    places = np.log(rates[first : last + 1])
    values: list[float | None] = []
    for score_map, mask in zip(maps, masks, strict=True):
        if not mask.any():
            values.append(None)
            continue
        recalls = share_at_least(score_map[mask], every)[first : last + 1]
        area = trapezoid(recalls[::-1], places[::-1])
        values.append(float(area / math.log(high / low)))
    return values


def share_at_least(scores, thresholds):
    """Which share of scores is at least each threshold."""
    return 1 - np.searchsorted(np.sort(scores, axis=None), thresholds) / scores.size
