"""Where each new value falls among all that came before, exactly, in bounded memory.

If values are exchangeable, the rank of the next among the N that are known is as likely to be any
of N + 1, whatever the others' order was: the randomised p-values of the values, one after the
other, are independent and uniform (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
World", 2005, theorem 8.2). That holds because each value joins those that later ones are held
against. Against a set that stays the same they would share its luck, and any test that adds up
their evidence for long enough would find it.

Not all values need be kept for that. Between two that are kept lies a known number of places for
the next one, and where within them it falls no rank has told: places next to each other can be made
one, their numbers added, and what is left is as exact as before, only coarser. They are fine where
it matters, near both ends.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from itertools import accumulate

MOST_KEPT = 256  # values, before some of them are let go
COARSEST = 0.1  # share of the values beyond it, to the nearer end, that a place may hold


class Ranks:
    """Values that have been seen, as far as the rank of the next needs them.

    Args:
        kept: values, from low to high.
        places: how many ranks lie below the first of them, between each two, and above the last:
            one more than values.

    Raises:
        ValueError: they are no such thing.
    """

    def __init__(self, kept: Sequence[float] = (), places: Sequence[int] = (1,)) -> None:
        self.kept, self.places = list(kept), list(places)
        if len(self.places) != len(self.kept) + 1:
            raise ValueError("there is one number of places more than values")
        if self.kept != sorted(self.kept) or min(self.places) < 1:
            raise ValueError("values go from low to high, and numbers of places are 1 or more")
        self.total = sum(self.places)

    @classmethod
    def of(cls, values: Iterable[float]) -> Ranks:
        """Of values that are known from the beginning, no two of them equal."""
        kept = sorted(values)
        ranks = cls(kept, [1] * (len(kept) + 1))
        if len(kept) > MOST_KEPT:
            ranks._let_go()
        return ranks

    @property
    def known(self) -> int:
        """How many values have been seen."""
        return self.total - 1

    def median(self) -> float | None:
        """The middle of what has been seen, nearly; `None` of nothing."""
        upto = list(accumulate(self.places[:-1]))
        return self.kept[bisect_left(upto, self.total / 2, hi=len(upto) - 1)] if upto else None

    def p_value(self, value: float, chance: float) -> float:
        """The share of ranks that are as high as a value's or higher, which then is one of all.

        Args:
            value: equal to none before it.
            chance: drawn evenly from (0, 1), for this value alone; stands for what ranks do not
                tell.
        """
        place = bisect_right(self.kept, value)
        width = self.places[place]
        above = sum(self.places[place + 1 :])
        p = (above + chance * width) / self.total
        self.total += 1
        if width == 1:
            insort(self.kept, value)
            self.places.insert(place, 1)
            if len(self.kept) > MOST_KEPT:
                self._let_go()
        else:  # where among those that were let go it lies is not known
            self.places[place] += 1
        return p

    def _let_go(self) -> None:
        """Keep fewer values: no more than places of `COARSEST` need. Ranks alone decide which."""
        kept: list[float] = []
        places: list[int] = []
        below, width = 0, self.places[0]
        for value, following in zip(self.kept, self.places[1:], strict=True):
            above = self.total - below - width - following
            if width + following <= COARSEST * min(below, above):
                width += following
                continue
            kept.append(value)
            places.append(width)
            below, width = below + width, following
        self.kept, self.places = kept, [*places, width]
