"""Which rows of a ledger are asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from blemish.ledger.columns import microseconds
from blemish.ledger.entry import Kind


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

        A `+` keeps SQLite from its index of times: who wants the newest rows finds them at the end.
        """
        by = "" if self.until is not None else "+"
        asked: list[tuple[str, list[Any]]] = [
            (f"{by}{name} IN ({', '.join('?' * len(values))})", [str(value) for value in values])
            for name, values in (("kind", self.kinds), ("verdict", self.verdicts))
            if values is not None
        ]
        asked += [
            (f"{name} = ?", [value])
            for name, value in (
                ("recipe", self.recipe),
                ("part", self.part),
                ("refers_to", self.refers_to),
            )
            if value is not None
        ]
        asked += [
            (f"{by}time {sign} ?", [microseconds(time)])
            for sign, time in ((">=", self.since), ("<", self.until))
            if time is not None
        ]
        words = " AND ".join(word for word, _ in asked) or "TRUE"
        return words, [value for _, values in asked for value in values]
