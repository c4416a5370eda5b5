"""Counting pixels that are not defective against the scores of those that are, block by block.

Blocks are read back from a temporary file, sorted and counted on all cores; what is kept follows
the scores that are counted against, not the number of pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    def add(self, ordered: NDArray[np.float32]) -> None:
        """Count scores, rising."""
        for start in range(0, len(self.values), STRETCH):
            part = slice(start, start + STRETCH)
            less, at_most = count_below(ordered, self.values[part])
            with self._lock:
                self.above[part] += ordered.size - at_most
                self.at_least[part] += ordered.size - less
        with self._lock:
            self.total += ordered.size

    def merge(self, other: Tally) -> None:
        """Count in what another has counted against the same values and maybe more."""
        place = other.values.searchsorted(self.values)
        self.above += other.above[place]
        self.at_least += other.at_least[place]
        self.total += other.total

    def with_positives(self, positives: NDArray[np.int64]) -> RankCounts:
        """The counts as those of negatives, beside how many positives have each value."""
        return RankCounts(self.values, positives, self.above, self.at_least, self.total)


def count_blocks(spill: Spill, groups: Sequence[tuple[Sequence[int], Sequence[Tally]]]) -> None:
    """Count blocks of a file, given by their numbers, in the tallies that go with them."""

    def work(numbers: Sequence[int], tallies: Sequence[Tally]) -> None:
        ordered = spill.read(numbers)
        ordered.sort()
        for tally in tallies:
            tally.add(ordered)

    most = BLOCK_PIXELS // available_cores()
    jobs = [
        (joined, tallies) for numbers, tallies in groups for joined in _joined(spill, numbers, most)
    ]
    with one_core_each() as pool:
        for _ in pool.map(work, *zip(*jobs, strict=True)):
            pass


def good_rates(
    spill: Spill, good: Mapping[int, float], tally: Tally, high: float
) -> GoodRates | None:
    """Mean rates of flagged pixels over good pictures, for rates up to one; `None` without any.

    Args:
        spill: that has the pictures.
        good: the highest score of each good picture, by the number of its block.
        tally: of all good pictures' pixels.
        high: the highest rate that matters; greater ones are 1.
    """
    if not good:
        return None
    values, largest = tally.values, max(spill.sizes[number] for number in good)
    # Were they all in pictures of the largest size, so many flagged pixels would be this rate.
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
