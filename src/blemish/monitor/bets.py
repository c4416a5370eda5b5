"""Evidence that p-values are no longer even, with what it may at most be by chance.

Each bet is a density on (0, 1), and its product over the p-values a martingale where they are
independent and even: it multiplies a stake of 1 by 1 on average. A change may come with any part,
so a stake is put on each bet with each part anew. How much tells what a threshold promises:

* `RATE`: a stake of 1 with each part, as Shiryaev and Roberts do. What all stakes have become is on
  average as much as there were parts, so it reaches A within T parts with a probability of at most
  T / A (Doob).
* `EVER`: stakes that add up to 1 over all time. What they have become reaches A, ever, with a
  probability of at most 1 / A (Ville, 1939).

Powers are bets on parts that all stand out a little, as in Vovk and others, "Testing randomness
online" (2021); ends are bets on a few that stand out much: each part in twenty is among the last
sixteenth, say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from blemish.typed_json import Count

Kind = Literal["low", "high", "alike"]  # p-values near 0, near 1, or all in one narrow range
Values = NDArray[np.float64]

POWERS = (0.2, 0.5)  # of p: density POWER * p ** (POWER - 1)
POWER_SHARES = (0.2, 0.95)  # of the stake; the rest is kept
ENDS = (1 / 16, 1 / 64, 1 / 256)  # p-values below
END_SHARE = 0.05
RANGES, RANGE_SHARE = 10, 0.8  # equal parts of (0, 1), each with a bet that all fall into it
SIDED = len(POWERS) * len(POWER_SHARES) + len(ENDS)
BETS: dict[Kind, int] = {"low": SIDED, "high": SIDED, "alike": RANGES}
SOON = 200.0  # parts within which half of the stakes that are put for all time have been put
LEAST, MOST = 1e-12, 1e200  # p-value; what a stake becomes: beyond that it makes no difference
RATE, EVER = 0, 1


@dataclass(frozen=True)
class Kept:
    """What is known of a stream.

    Attributes:
        parts: p-values that it has had.
        rate, ever: what the stakes on each bet have become.
        best: the most that a single stake of 1 has become.
        starts: the part with which that one was put.
    """

    parts: Count
    rate: tuple[float, ...]
    ever: tuple[float, ...]
    best: tuple[float, ...]
    starts: tuple[Count, ...]


class Bets:
    """What the stakes on all bets have become, of several streams of p-values.

    Args:
        kinds: on which kinds of change each stream bets.

    Attributes:
        parts: p-values that each stream has had.
    """

    def __init__(self, kinds: Sequence[Sequence[Kind]]) -> None:
        self._stakes = np.array(
            [
                np.concatenate(
                    [
                        np.full(count, (kind in own) / count / len(own))
                        for kind, count in BETS.items()
                    ]
                )
                for own in kinds
            ]
        )
        self.parts = np.zeros(len(kinds), np.int64)
        self._gains = np.zeros((2, *self._stakes.shape))
        self._best = np.zeros(self._stakes.shape)
        self._starts = np.zeros(self._stakes.shape, np.int64)

    def update(self, p_values: Values, streams: NDArray[np.int64]) -> None:
        """Put the stakes of a part, and settle them.

        Args:
            p_values: in (0, 1), of some streams.
            streams: which ones.
        """
        self.parts[streams] += 1
        parts = self.parts[streams]
        stakes = self._stakes[streams]
        ever = _left(parts - 1) - _left(parts)
        gains = self._gains[:, streams]
        gains[RATE] += stakes
        gains[EVER] += stakes * ever[:, None]
        densities = _densities(p_values)
        self._gains[:, streams] = np.minimum(gains * densities, MOST)
        best = self._best[streams]
        self._starts[streams] = np.where(best > 1, self._starts[streams], parts[:, None])
        self._best[streams] = np.minimum(np.maximum(best, 1) * densities, MOST)

    @property
    def rate(self) -> Values:
        """The statistic of Shiryaev and Roberts, of each stream."""
        total: Values = self._gains[RATE].sum(axis=1)
        return total

    @property
    def ever(self) -> Values:
        """The martingale, of each stream: what is not put yet counts as it is."""
        total: Values = _left(self.parts) + self._gains[EVER].sum(axis=1)
        return total

    def told(self, stream: int) -> tuple[Kind, int]:
        """Which kind of change a stream speaks for, and since which part, about."""
        number = int(
            np.argmax([part.sum() for part in np.split(self._gains[RATE, stream], _FIRSTS)])
        )
        best, starts = (
            np.split(one[stream], _FIRSTS)[number] for one in (self._best, self._starts)
        )
        return tuple(BETS)[number], max(1, int(starts[np.argmax(best)]))

    def kept(self, stream: int) -> Kept:
        """All that is known of a stream."""
        rate, ever = self._gains[:, stream].tolist()
        best, starts = self._best[stream].tolist(), self._starts[stream].tolist()
        parts = int(self.parts[stream])
        return Kept(parts, tuple(rate), tuple(ever), tuple(best), tuple(starts))

    def keep(self, stream: int, kept: Kept) -> None:
        """Go on with what was known. Raises `ValueError` where it cannot have been."""
        lists = (kept.rate, kept.ever, kept.best, kept.starts)
        if any(len(values) != self._stakes.shape[1] for values in lists):
            raise ValueError("its bets are none of ours.")
        values = np.array(lists[:3])
        if values.min() < 0 or values.max() > MOST:
            raise ValueError("its bets were never won.")
        self.parts[stream] = kept.parts
        self._gains[:, stream] = values[:2]
        self._best[stream], self._starts[stream] = values[2], kept.starts


_FIRSTS = np.cumsum(tuple(BETS.values()))[:-1]
_SHARES = np.array(POWER_SHARES)
_ENDS = np.array(ENDS)


def _left(parts: NDArray[np.int64]) -> Values:
    """The share of all stakes of `EVER` that is still to be put after so many parts."""
    left: Values = 1 / (1 + np.log1p(parts / SOON))
    return left


def _densities(p_values: Values) -> Values:
    """Each bet's density, p-values x bets."""
    p_values = np.clip(p_values, LEAST, 1 - LEAST)
    hit = (p_values * RANGES).astype(np.int64)
    ranges = np.full((len(p_values), RANGES), 1 - RANGE_SHARE)
    ranges[np.arange(len(p_values)), hit] += RANGE_SHARE * RANGES
    return np.concatenate([_sided(p_values), _sided(1 - p_values), ranges], axis=1)


def _sided(p_values: Values) -> Values:
    """Densities that are high at 0."""
    values = p_values[:, None]
    powers = [1 + _SHARES * (power * values ** (power - 1) - 1) for power in POWERS]
    ends = 1 + END_SHARE * ((values < _ENDS) / _ENDS - 1)
    return np.concatenate([*powers, ends], axis=1)
