"""Coresets that one part of the points each had no say in, for images left out together.

What all parts have in common is worked out once: of each point the nearest pick, and the nearest
that stays when the first goes with its part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from blemish.parallel import one_core_each
from blemish.search.coreset import Coreset, filled
from blemish.search.point_distances import Bounds, Distances, PointCloud
from blemish.search.sketch import SketchedBank, sketch_bank, worth_sketching


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
            self._two = _TwoNearest(Distances(cloud, pool), whole.picks, part_of[whole.picks])

    def distances(self) -> NDArray[np.float32]:
        """Of all points to the nearest pick of all, N."""
        with one_core_each() as pool:
            everything = np.arange(len(self._cloud))
            return Distances(self._cloud, pool).between(everything, self._two.first)

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
            distances = Distances(self._cloud, pool)
            gone = two.part == part  # the nearest pick, that is
            distances.nearest_sq[:] = np.where(gone, two.second_sq, two.first_sq)
            rows = np.flatnonzero(left_out)
            part_sq = distances.nearest_sq[rows]
            nearest = np.where(gone[rows], two.second[rows], two.first[rows])
            distances.nearest_sq[rows] = -1
            distances.nearest_sq[kept] = -1
            rest = len(left_out) - len(rows)
            smaller = filled(distances, kept, min(len(picks), rest))
            added = smaller.picks[len(kept) :]
            if len(added):
                added_sq, of_added = distances.nearest_of(rows, added)
                nearest = np.where(added_sq < part_sq, of_added, nearest)
            found = distances.between(rows, nearest)
            return WithoutPart(smaller, found, len(smaller.picks) / rest)


class _TwoNearest:
    """Of each point the nearest pick of all, and the nearest one of another part than that is of.

    Attributes:
        first, second: N, their rows; -1 where there is none.
        first_sq, second_sq: N, squared distances to them, infinite where there is none.
        part: N, the part of the nearest.
    """

    def __init__(
        self, distances: Distances, picks: NDArray[np.int64], part_of: NDArray[np.integer]
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
        distances: Distances,
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
        bounds = None if bank is None else Bounds(*bank.sketch(points), bank.columns)
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
