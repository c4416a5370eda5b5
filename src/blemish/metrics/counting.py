"""Counting pixels that are not defective against the scores of those that are, block by block.

Blocks are read back from a temporary file, sorted and counted on all cores; what is kept follows
the scores that are counted against, not the number of images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from blemish.metrics.formulas import from_the_top
from blemish.metrics.overlap import GoodRates
from blemish.metrics.ranking import RankCounts, count_below
from blemish.metrics.spill import Spill
from blemish.parallel import available_cores, one_core_each

BLOCK_PIXELS = 32_000_000  # sorted at a time, by all cores together
STRETCH = 16_384  # values searched together: their part of a block fits the cache


class Tally:
    """Counts of scores against distinct values; any thread may add to them.

    Attributes:
        values: rising.
        above, at_least: how many scores are greater than, and at least, each value.
        total: how many there are in all.
    """

    def __init__(self, values: NDArray[np.float32]) -> None:
        self.values = values
        self.above = np.zeros(len(values), np.int64)
        self.at_least = np.zeros(len(values), np.int64)
        self.total = 0
        self._lock = Lock()

    def count(self, places: slice, above: NDArray[np.int64], at_least: NDArray[np.int64]) -> None:
        """Count in how many scores are above, and at least, the values at some places."""
        with self._lock:
            self.above[places] += above
            self.at_least[places] += at_least

    def with_positives(self, positives: NDArray[np.int64]) -> RankCounts:
        """The counts as those of negatives, beside how many positives have each value."""
        return RankCounts(
            values=self.values,
            positives=positives,
            above=self.above,
            at_least=self.at_least,
            negatives=self.total,
        )


@dataclass(frozen=True, eq=False)
class Part:
    """A tally against some of the values of another, which stand there at these places, rising."""

    tally: Tally
    places: NDArray[np.int64]

    def count(self, start: int, above: NDArray[np.int64], at_least: NDArray[np.int64]) -> None:
        """Count in what the other has counted against its values from a place on."""
        first, last = self.places.searchsorted([start, start + len(above)])
        chosen = self.places[first:last] - start
        self.tally.count(slice(first, last), above[chosen], at_least[chosen])

    def merge(self, other: Tally) -> None:
        """Count in all that another tally, against the same values, has counted."""
        self.count(0, other.above, other.at_least)
        self.tally.total += other.total


@dataclass(frozen=True, eq=False)
class Group:
    """Blocks, by their numbers, with the tally that counts them, and maybe a part of it."""

    numbers: Sequence[int]
    tally: Tally
    part: Part | None = None


def count_blocks(spill: Spill, groups: Sequence[Group]) -> None:
    """Count blocks of a file in the tallies that go with them."""
    most = BLOCK_PIXELS // available_cores()
    jobs = []
    for group in groups:
        pixels = sum(spill.sizes[number] for number in group.numbers)
        for tally in (group.tally, *([group.part.tally] if group.part else [])):
            tally.total += pixels
        jobs += [(group, joined) for joined in _joined(spill, group.numbers, most)]

    def work(job: tuple[Group, list[int]]) -> None:
        group, numbers = job
        ordered = spill.read(numbers)
        ordered.sort()
        _count_ordered(ordered, group.tally, group.part)

    with one_core_each() as pool:
        for _ in pool.map(work, jobs):
            pass


def _count_ordered(ordered: NDArray[np.float32], tally: Tally, part: Part | None) -> None:
    """Count scores, rising, against all values, some at a time."""
    for start in range(0, len(tally.values), STRETCH):
        places = slice(start, start + STRETCH)
        less, at_most = count_below(ordered, tally.values[places])
        above, at_least = ordered.size - at_most, ordered.size - less
        tally.count(places, above, at_least)
        if part is not None:
            part.count(start, above, at_least)


def good_rates(
    spill: Spill, good: Mapping[int, float], tally: Tally, high: float
) -> GoodRates | None:
    """Mean rates of flagged pixels over good images, for rates up to one; `None` without any.

    Args:
        spill: that has the images.
        good: the highest score of each good image, by the number of its block.
        tally: of all good images' pixels.
        high: the highest rate that matters; greater ones are 1.
    """
    if not good:
        return None
    values, largest = tally.values, max(spill.sizes[number] for number in good)
    # Were they all in images of the largest size, so many flagged pixels would be this rate.
    beyond = int(np.count_nonzero(tally.above >= high * len(good) * largest))
    cut = min([max(good.values()), *values[beyond : beyond + 1].tolist()])

    def tops(number: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The distinct scores from the cut on and the one below, and their share of the pixels."""
        block = spill.read([number])
        below = np.max(block, where=block < cut, initial=-np.inf)
        scores, pixels = np.unique(block[block >= min(cut, below)], return_counts=True)
        return scores, pixels / (block.size * len(good))

    with one_core_each() as pool:
        scores, weights = map(np.concatenate, zip(*pool.map(tops, good), strict=True))
    # Of the scores below the cut only the highest is whole: of others, pixels may be missing.
    whole = scores >= np.max(scores, where=scores < cut, initial=-np.inf)
    scores, place = np.unique(scores[whole], return_inverse=True)
    rates = np.concatenate([[1.0], from_the_top(np.bincount(place, weights[whole])), [0.0]])
    above, at_least = np.ones(len(values)), np.ones(len(values))
    thresholds = scores.searchsorted(values[beyond:], side="right")
    above[beyond:], at_least[beyond:] = rates[thresholds + 1], rates[thresholds]
    return GoodRates(above, at_least, lowest=float(rates[-2]))


def _joined(spill: Spill, numbers: Sequence[int], most: int) -> list[list[int]]:
    """The blocks in lists of up to some pixels in all (or one block)."""
    lists: list[list[int]] = []
    pixels = 0
    for number in numbers:
        pixels += spill.sizes[number]
        if not lists or pixels > most:
            lists.append([])
            pixels = spill.sizes[number]
        lists[-1].append(number)
    return lists
