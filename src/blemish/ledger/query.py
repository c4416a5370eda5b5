"""Which rows of a ledger are asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from blemish.ledger.columns import microseconds
from blemish.ledger.entry import Kind
from blemish.result import GOOD

Asked = tuple[str, list[Any]]  # a condition in SQL, and the values of its question marks


@dataclass(frozen=True)
class Query:
    """What rows must have; what is not given may be anything.

    Attributes:
        kinds: one of these.
        verdicts: one of these.
        recipe, part: exactly this.
        since, until: at or after, before; aware.
        refers_to: the row that they are about.
    """

    kinds: Collection[Kind] | None = None
    verdicts: Collection[str] | None = None
    recipe: str | None = None
    part: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    refers_to: int | None = None

    def condition(self) -> tuple[str, list[Any]]:
        """The same in SQL, and the values of its question marks.

        Rows are looked at in the order of their numbers, which is nearly that of their times: the
        index of times tells between which numbers. A `+` keeps SQLite from an index by which it
        would have to sort very many.
        """
        kinds, times = _one_of("kind", self.kinds or list(Kind)), self._times()
        asked = [] if self.kinds is None else [_one_of("+kind", self.kinds)]
        if self.verdicts is not None:
            few = len(self.verdicts) == 1 or GOOD not in self.verdicts
            asked.append(_one_of("verdict" if few else "+verdict", self.verdicts))
        asked += [
            (f"{name} = ?", [value])
            for name, value in (
                ("+recipe", self.recipe),
                ("part", self.part),
                ("refers_to", self.refers_to),
            )
            if value is not None
        ]
        for bound in ("number >= (SELECT min", "number <= (SELECT max") if times else ():
            words, values = _all_of([kinds, *times])
            asked.append((f"{bound}(number) FROM row WHERE {words})", values))
        return _all_of([*asked, *((f"+{words}", values) for words, values in times)])

    def _times(self) -> list[Asked]:
        bounds = (("time >= ?", self.since), ("time < ?", self.until))
        return [(words, [microseconds(time)]) for words, time in bounds if time is not None]


def _one_of(name: str, values: Collection[str]) -> Asked:
    return f"{name} IN ({', '.join('?' * len(values))})", [str(value) for value in values]


def _all_of(asked: Sequence[Asked]) -> Asked:
    words = " AND ".join(words for words, _ in asked) or "TRUE"
    return words, [value for _, values in asked for value in values]
