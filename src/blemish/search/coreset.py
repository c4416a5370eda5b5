"""Greedy k-centre selection: the coreset of PatchCore (Roth et al., CVPR 2022, Algorithm 1).

Each pick is the point farthest from all picks before it, which keeps the covering radius within
twice the least possible (Gonzalez, 1985). The picks are those of the plain loop, found with far
fewer passes over the points: among candidates that include the farthest points, picks are made
one by one for as long as the best candidate is farther than any point outside can be; only then are
all points brought up to date, by one matrix product for the whole batch of picks.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from blemish.parallel import one_core_each
from blemish.progress import Advance
from blemish.search.sketch import SketchedBank, sketch_bank, worth_sketching

SAMPLED_POINTS = 10  # start points of the original's approximate sampler
CANDIDATES = 2048  # rows that stay in the second-level cache at 128 dimensions
BLOCK_ROWS = 4096
PICKS_AT_ONCE, SKETCHED_AT_ONCE = 128, 512
DIRECTIONS = 28  # of sketches
WORTH_SKETCHING = 96  # dimensions, from which sketches pay
FEW_IMPROVED, FEW_NEAR = 0.3, 0.6  # shares of the points, below which they do
MOST_NEAR = 4  # picks a point, that are measured one by one; more are left to a product
ROUNDING = np.float32(1e-6)  # of a squared length: squared distances below it are rounding, not 0

Points = NDArray[np.float32]


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


@dataclass(frozen=True)
class WithoutPart:
    """A coreset that one part of the points had no say in.

    Attributes:
        coreset: what was picked from the other parts, to cover these.
        distances: of the points of the part, in order, to the nearest pick.
        used_up: share of the other parts' points that were picked.
    """

    coreset: Coreset
    distances: NDArray[np.float32]
    used_up: float


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
        distances = _Distances(cloud, pool)
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
        return _filled(distances, picks, count, advance)


class LeavingOut:
    """Coresets of as many rows without one part of the points each, neither picked nor covered.

    How far each point is from the picks that stay is known of all parts together, so that few
    distances are left to work out.

    Args:
        whole: of all points.
        cloud: the points.
        part_of: N, which part each belongs to, 0 to P - 1; there are two at least.
    """

    def __init__(self, whole: Coreset, cloud: PointCloud, part_of: NDArray[np.integer]) -> None:
        self._whole, self._cloud, self._part_of = whole, cloud, part_of
        with one_core_each() as pool:
            self._two = _TwoNearest(_Distances(cloud, pool), whole.picks, part_of[whole.picks])

    def distances(self) -> NDArray[np.float32]:
        """Of all points to the nearest pick of all, N."""
        with one_core_each() as pool:
            everything = np.arange(len(self._cloud))
            return _Distances(self._cloud, pool).between(everything, self._two.first)

    def without_each(self) -> Iterator[WithoutPart]:
        """For each part a coreset without it.

        Picks that stay are kept, and the rest is picked as greed has it.
        """
        for part in range(int(self._part_of.max()) + 1):
            yield self._without(part)

    def _without(self, part: int) -> WithoutPart:
        two, picks = self._two, self._whole.picks
        left_out = self._part_of == part
        kept = picks[~left_out[picks]]
        with one_core_each() as pool:
            distances = _Distances(self._cloud, pool)
            gone = two.part == part  # the nearest pick, that is
            distances.nearest_sq[:] = np.where(gone, two.second_sq, two.first_sq)
            rows = np.flatnonzero(left_out)
            part_sq = distances.nearest_sq[rows]
            nearest = np.where(gone[rows], two.second[rows], two.first[rows])
            distances.nearest_sq[rows] = -1
            distances.nearest_sq[kept] = -1
            rest = len(left_out) - len(rows)
            smaller = _filled(distances, kept, min(len(picks), rest))
            added = smaller.picks[len(kept) :]
            if len(added):
                added_sq, of_added = distances.nearest_of(rows, added)
                nearest = np.where(added_sq < part_sq, of_added, nearest)
            found = distances.between(rows, nearest)
            return WithoutPart(smaller, found, len(smaller.picks) / rest)


def _filled(
    distances: _Distances,
    picks: NDArray[np.int64],
    count: int,
    advance: Advance = lambda _steps, _note=None: None,
) -> Coreset:
    """Go on picking until there are so many, or none is left that is distinct."""
    nearest_sq, batches, picked = distances.nearest_sq, [picks], len(picks)
    while picked < count and nearest_sq.max() > 0:
        batch = _next_picks(distances, min(PICKS_AT_ONCE, count - picked))
        distances.update(batch)
        batches.append(batch)
        picked += len(batch)
        advance(len(batch))
    return Coreset(np.concatenate(batches), nearest_sq)


def _next_picks(distances: _Distances, most: int) -> NDArray[np.int64]:
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
class _Bounds:
    """What sketches tell of some points and picks: none is nearer than `SketchedBank` says.

    Attributes:
        sketches, floors: of the points.
        columns: of the picks.
    """

    sketches: Points
    floors: NDArray[np.float32]
    columns: Points

    def of(self, picks: slice) -> _Bounds:
        """The same for some of the picks."""
        return _Bounds(self.sketches, self.floors, self.columns[:, picks])


class _Distances:
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
        bounds: _Bounds | None = None,
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
        bounds: _Bounds,
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


class _TwoNearest:
    """Of each point the nearest pick of all, and the nearest one of another part than that is of.

    Attributes:
        first, second: N, their rows; -1 where there is none.
        first_sq, second_sq: N, squared distances to them, infinite where there is none.
        part: N, the part of the nearest.
    """

    def __init__(
        self, distances: _Distances, picks: NDArray[np.int64], part_of: NDArray[np.integer]
    ) -> None:
        count = len(distances.points)
        self.first_sq, self.second_sq = np.full((2, count), np.inf, np.float32)
        self.first, self.second = np.full((2, count), -1, np.int32)
        self.part = np.full(count, -1, part_of.dtype)
        order = np.argsort(part_of, kind="stable")
        picks, part_of = picks[order], part_of[order]
        picked = distances.points[picks]
        bank = sketch_bank(picked) if worth_sketching(*picked.shape) else None
        compare = partial(self._compare, distances, picks, part_of, bank)
        for _ in distances.pool.map(compare, distances.blocks):
            pass

    def _compare(
        self,
        distances: _Distances,
        picks: NDArray[np.int64],
        part_of: NDArray[np.integer],
        bank: SketchedBank | None,
        block: slice,
    ) -> None:
        points, norms = distances.points[block], distances.norms[block]
        first_sq, second_sq, first, second, nearest_part = (
            values[block]
            for values in (self.first_sq, self.second_sq, self.first, self.second, self.part)
        )
        bounds = None if bank is None else _Bounds(*bank.sketch(points), bank.columns)
        starts = np.flatnonzero(np.diff(part_of, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(picks)], strict=True):
            own = slice(start, end)
            own_bounds = None if bounds is None else bounds.of(own)
            found_sq, found = distances.to_nearest_pick(points, norms, picks[own], own_bounds)
            closer = found_sq < first_sq
            next_sq = np.where(closer, first_sq, found_sq)
            following = np.where(closer, first, found)
            better = next_sq < second_sq
            second_sq[better], second[better] = next_sq[better], following[better]
            first_sq[closer], first[closer] = found_sq[closer], found[closer]
            nearest_part[closer] = part_of[start]
