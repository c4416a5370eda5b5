"""Squared distances of many points to picks among them: what picking and leaving out go by.

Products of matrices over blocks of points, a core each; where points have many dimensions, sketches
tell first which of them a pick may be near.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from blemish.search.sketch import SketchedBank, sketch_bank

BLOCK_ROWS = 4096
PICKS_AT_ONCE, SKETCHED_AT_ONCE = 128, 512
DIRECTIONS = 28  # of sketches
WORTH_SKETCHING = 96  # dimensions, from which sketches pay
FEW_IMPROVED, FEW_NEAR = 0.3, 0.6  # shares of the points, below which they do
MOST_NEAR = 4  # picks a point, that are measured one by one; more are left to a product
ROUNDING = np.float32(1e-6)  # of a squared length: squared distances below it are rounding, not 0

Points = NDArray[np.float32]


class PointCloud:
    """Points to pick from, and what every picking of them goes by: worked out once.

    Args:
        points: N x D, float32.
    """

    def __init__(self, points: Points) -> None:
        self.points = points

    def __len__(self) -> int:
        return len(self.points)

    @cached_property
    def norms(self) -> NDArray[np.float32]:
        """Squared lengths."""
        norms: NDArray[np.float32] = np.einsum("nd,nd->n", self.points, self.points)
        return norms

    @cached_property
    def sketched(self) -> SketchedBank:
        """The points in few directions."""
        return sketch_bank(self.points, directions=DIRECTIONS)


def sketched_bytes(dimensions: int) -> int:
    """Memory that picking takes for the sketch of a point."""
    return 4 * (DIRECTIONS + 2) if dimensions >= WORTH_SKETCHING else 0


def _blocks(count: int) -> list[slice]:
    """Rows that are worked on together."""
    return [slice(first, first + BLOCK_ROWS) for first in range(0, count, BLOCK_ROWS)]


@dataclass(frozen=True)
class _Queries:
    """Picks, and what `SketchedBank.sketch` gives of them."""

    picks: NDArray[np.int64]
    sketches: Points
    floors: NDArray[np.float32]


@dataclass(frozen=True)
class Bounds:
    """What sketches tell of some points and picks: none is nearer than `SketchedBank` says.

    Attributes:
        sketches, floors: of the points.
        columns: of the picks.
    """

    sketches: Points
    floors: NDArray[np.float32]
    columns: Points

    def of(self, picks: slice) -> Bounds:
        """The same for some of the picks."""
        return Bounds(self.sketches, self.floors, self.columns[:, picks])


class Distances:
    """Squared distance of every point to its nearest pick; picks, and rows left out, read -1.

    Blocks of points are spread over threads, each running its matrix product on one core, so that
    neither the product nor the minimum over it leaves the cache.
    """

    def __init__(self, cloud: PointCloud, pool: ThreadPoolExecutor) -> None:
        self.points, self.norms = cloud.points, cloud.norms
        self._cloud, self.pool = cloud, pool
        points = cloud.points
        self.nearest_sq = np.full(len(points), np.inf, np.float32)
        self.blocks = _blocks(len(points))
        self._sketches_may_pay = points.shape[1] >= WORTH_SKETCHING
        self._sketches_pay = False
        self._pause, self._paused = 1, 0  # updates before sketches are tried again

    def update(self, picks: NDArray[np.int64]) -> None:
        """Bring every point up to date with new picks."""
        if self._sketches_pay:
            queries = _Queries(picks, *self._cloud.sketched.sketch(self.points[picks]))
            near = sum(self.pool.map(self._lower_near, self.blocks, repeat(queries)))
            if near > FEW_NEAR * len(self.points):
                self._sketches_pay = False
                self._pause *= 2
                self._paused = self._pause
        else:
            improved = sum(self.pool.map(self._lower_all, self.blocks, repeat(picks)))
            few = improved < FEW_IMPROVED * len(self.points)
            self._paused = max(self._paused - 1, 0)
            self._sketches_pay = few and self._sketches_may_pay and not self._paused
        self.nearest_sq[picks] = -1

    def _lower_all(self, block: slice, picks: NDArray[np.int64]) -> int:
        """Compare a block of points with new picks; tells how many came nearer to one."""
        nearest_sq = self.to_nearest(self.points[block], self.norms[block], picks)
        improved = int(np.count_nonzero(nearest_sq < self.nearest_sq[block]))
        np.minimum(self.nearest_sq[block], nearest_sq, out=self.nearest_sq[block])
        return improved

    def _lower_near(self, block: slice, queries: _Queries) -> int:
        """The same for those whose sketches come near enough; tells how many these are."""
        closeness = queries.sketches @ self._cloud.sketched.columns[:, block]
        closeness -= queries.floors[:, None] / 2
        bounds = -2 * closeness.max(axis=0)[: len(self.points[block])]
        near = np.flatnonzero(bounds < self.nearest_sq[block])
        nearest_sq = self.to_nearest(
            self.points[block][near], self.norms[block][near], queries.picks
        )
        self.nearest_sq[block][near] = np.minimum(self.nearest_sq[block][near], nearest_sq)
        return len(near)

    def to_nearest(
        self, points: Points, norms: NDArray[np.float32], picks: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Squared distances of points to the nearest of some picks."""
        products = (-2 * self.points[picks]) @ points.T
        products += self.norms[picks][:, None]
        nearest_sq: NDArray[np.float32] = products.min(axis=0)
        nearest_sq += norms
        nearest_sq[nearest_sq <= ROUNDING * norms] = 0
        return nearest_sq

    def nearest_of(
        self, rows: NDArray[np.int64], picks: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Squared distance of some rows to the nearest of some picks, and which pick that is."""

        def of_block(block: slice) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
            some = rows[block]
            return self.to_nearest_pick(self.points[some], self.norms[some], picks)

        found = list(self.pool.map(of_block, _blocks(len(rows))))
        return np.concatenate([sq for sq, _ in found]), np.concatenate([p for _, p in found])

    def to_nearest_pick(
        self,
        points: Points,
        norms: NDArray[np.float32],
        picks: NDArray[np.int64],
        bounds: Bounds | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Squared distances of points to the nearest of any number of picks, and which these are.

        Infinite, and -1, where there is no pick. With `bounds` only picks that may be the nearest
        are measured.
        """
        if bounds is not None:
            return self._to_nearest_within(points, norms, picks, bounds)
        nearest_sq = np.full(len(points), np.inf, np.float32)
        nearest = np.full(len(points), -1, np.int32)
        for first in range(0, len(picks), PICKS_AT_ONCE):
            some = picks[first : first + PICKS_AT_ONCE]
            products = points @ (-2 * self.points[some]).T
            products += self.norms[some]
            column = products.argmin(axis=1)
            found_sq = np.take_along_axis(products, column[:, None], axis=1)[:, 0] + norms
            closer = found_sq < nearest_sq
            nearest_sq[closer] = found_sq[closer]
            nearest[closer] = some[column[closer]]
        nearest_sq[nearest_sq <= ROUNDING * norms] = 0
        return nearest_sq, nearest

    def _to_nearest_within(
        self,
        points: Points,
        norms: NDArray[np.float32],
        picks: NDArray[np.int64],
        bounds: Bounds,
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        nearest_sq = np.full(len(points), np.inf, np.float32)
        nearest = np.full(len(points), -1, np.int32)
        for first in range(0, len(picks), SKETCHED_AT_ONCE):
            some = picks[first : first + SKETCHED_AT_ONCE]
            others, of_others = self.points[some], self.norms[some]
            closeness = bounds.sketches @ bounds.columns[:, first : first + len(some)]
            column = closeness.argmax(axis=1)
            found_sq = norms + of_others[column]
            found_sq -= 2 * np.einsum("nd,nd->n", points, others[column])
            closer = found_sq < nearest_sq
            nearest_sq[closer], nearest[closer] = found_sq[closer], some[column[closer]]
            near = closeness > (bounds.floors - nearest_sq)[:, None] / 2
            row, column = np.divmod(np.flatnonzero(near), len(some))
            if len(row) > MOST_NEAR * len(points):
                return self.to_nearest_pick(points, norms, picks)
            near_sq = norms[row] + of_others[column]
            near_sq -= 2 * np.einsum("nd,nd->n", points[row], others[column])
            np.minimum.at(nearest_sq, row, near_sq)
            closest = near_sq == nearest_sq[row]
            nearest[row[closest]] = some[column[closest]]
        nearest_sq[nearest_sq <= ROUNDING * norms] = 0
        return nearest_sq, nearest

    def between(self, rows: NDArray[np.int64], others: NDArray[np.integer]) -> NDArray[np.float32]:
        """The distance between two rows each, by their differences: exact for near ones, too."""

        def of_block(block: slice) -> NDArray[np.float32]:
            apart = self.points[rows[block]] - self.points[others[block]]
            lengths: NDArray[np.float32] = np.sqrt(np.einsum("nd,nd->n", apart, apart))
            return lengths

        return np.concatenate(list(self.pool.map(of_block, _blocks(len(rows)))))

    def mean_to(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Mean Euclidean distance of every point to some rows."""
        chosen = self.points[rows]
        total = np.zeros(len(self.points), np.float32)
        for row, norm in zip(chosen, self.norms[rows], strict=True):
            total += np.sqrt(np.maximum(self.norms + norm - 2 * (self.points @ row), 0))
        return total / np.float32(len(rows))
