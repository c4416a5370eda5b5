"""Greedy k-centre selection: the coreset of PatchCore (Roth et al., CVPR 2022, Algorithm 1).

Each pick is the point farthest from all picks before it, which keeps the covering radius within
twice the least possible (Gonzalez, 1985). The picks are those of the plain loop, found with far
fewer passes over the points: among candidates that include the farthest points, picks are made
one by one for as long as the best candidate is farther than any point outside can be; only then are
all points brought up to date, by one matrix product for the whole batch of picks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.parallel import one_core_each
from blemish.progress import Advance
from blemish.search.point_distances import (
    PICKS_AT_ONCE,
    ROUNDING,
    Distances,
    PointCloud,
    Points,
)

SAMPLED_POINTS = 10  # start points of the original's approximate sampler
CANDIDATES = 2048  # rows that stay in the second-level cache at 128 dimensions


@dataclass(frozen=True)
class Coreset:
    """Rows picked, in order, and how far every point is from them.

    Distances are in the space that picking compared (projected, perhaps), and those that it went
    by: with the start `sampled`, no larger than the mean distance to the sampled rows.

    Attributes:
        picks: the rows.
        nearest_sq: N, squared distances to the nearest pick; picks, and rows that were not to be
            covered, read -1.
    """

    picks: NDArray[np.int64]
    nearest_sq: NDArray[np.float32]

    @property
    def radius(self) -> float:
        """The covering radius: the largest distance to the nearest pick."""
        return float(np.sqrt(max(self.nearest_sq.max(), 0.0)))


def projection(dimensions: int, target: int, rng: np.random.Generator) -> Points:
    """A random linear map, `dimensions` x `target`, that nearly keeps distances."""
    matrix: Points = rng.standard_normal((dimensions, target), dtype=np.float32)
    return matrix / np.float32(np.sqrt(target))


def greedy_k_centre(
    points: Points | PointCloud,
    count: int,
    *,
    start: str = "random",
    rng: np.random.Generator | None = None,
    start_rows: NDArray[np.int64] | None = None,
    advance: Advance = lambda _steps, _note=None: None,
) -> Coreset:
    """Pick `count` rows so that the farthest point is as near to a pick as greed can make it.

    Args:
        points: N x D, float32; as a cloud where they are picked from more than once.
        count: how many rows to pick; fewer come back where fewer are distinct.
        start: how the first is picked. `random`: a seeded row. `farthest`: the row farthest from
            the mean, as the original's exact sampler does. `sampled`: the row with the largest mean
            distance to ten random rows, a distance that goes on as an upper limit for ever, as in
            the original's approximate sampler.
        rng: source of the random rows; not needed for `farthest`.
        start_rows: the rows of `sampled`, in place of random ones.
        advance: told how many rows were picked since the last call.
    """
    cloud = points if isinstance(points, PointCloud) else PointCloud(points)
    rng = rng or np.random.default_rng(0)
    with one_core_each() as pool:
        distances = Distances(cloud, pool)
        if start == "random":
            first = rng.integers(len(cloud))
        elif start == "farthest":
            first = np.argmax(cloud.norms - 2 * (cloud.points @ cloud.points.mean(axis=0)))
        else:
            if start_rows is None:
                start_rows = rng.choice(len(cloud), min(SAMPLED_POINTS, len(cloud)), replace=False)
            distances.nearest_sq[:] = distances.mean_to(start_rows) ** 2
            first = np.argmax(distances.nearest_sq)
        picks = np.array([first])
        distances.update(picks)
        advance(1)
        return filled(distances, picks, count, advance)


def filled(
    distances: Distances,
    picks: NDArray[np.int64],
    count: int,
    advance: Advance = lambda _steps, _note=None: None,
) -> Coreset:
    """Go on picking until there are so many, or none is left that is distinct.

    Args:
        distances: of all points to the nearest of `picks`; brought up to date with what is added.
        picks: so far, one at least.
        count: how many there are to be.
        advance: told how many were picked since the last call.
    """
    nearest_sq, batches, picked = distances.nearest_sq, [picks], len(picks)
    while picked < count and nearest_sq.max() > 0:
        batch = _next_picks(distances, min(PICKS_AT_ONCE, count - picked))
        distances.update(batch)
        batches.append(batch)
        picked += len(batch)
        advance(len(batch))
    return Coreset(np.concatenate(batches), nearest_sq)


def _next_picks(distances: Distances, most: int) -> NDArray[np.int64]:
    """The next picks, at least one, that can be known without looking at all points again."""
    nearest_sq, points = distances.nearest_sq, distances.points
    size = min(CANDIDATES, len(points))
    split = len(points) - size
    candidates = np.sort(np.argpartition(nearest_sq, split)[split:])
    inside_sq = nearest_sq[candidates]
    farthest_outside = inside_sq.min() if split else -np.inf
    inside = points[candidates]
    norms = distances.norms[candidates]
    picks: list[int] = []
    while len(picks) < most:
        best = int(inside_sq.argmax())
        if picks and (inside_sq[best] <= farthest_outside or inside_sq[best] <= 0):
            break
        picks.append(int(candidates[best]))
        to_best = norms + norms[best] - 2 * (inside @ inside[best])
        to_best[to_best <= ROUNDING * norms] = 0
        np.minimum(inside_sq, to_best, out=inside_sq)
        inside_sq[best] = -1
    return np.array(picks, np.int64)
