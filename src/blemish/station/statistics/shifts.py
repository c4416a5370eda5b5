"""Figures of a shift: how many parts there were, and how many of them were rejected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from blemish.binomial import CONFIDENCE, rate_range
from blemish.ledger.reader import Reader
from blemish.station.inspection import Outcome
from blemish.station.shifts import Shifts

MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Parts:
    """How many parts there were; those that are not good were rejected, whatever the reason.

    Attributes:
        parts: all of them.
        outcomes: how many of each outcome.
    """

    parts: int
    outcomes: dict[Outcome, int]

    @property
    def rejects(self) -> int:
        """Parts that are not good."""
        return self.parts - self.outcomes[Outcome.GOOD]

    @property
    def reject_rate(self) -> float | None:
        """Share of parts that are not good; `None` of no parts."""
        return self.rejects / self.parts if self.parts else None

    @property
    def reject_limits(self) -> tuple[float, float]:
        """The rates behind it that fit, with 95 % confidence (Clopper and Pearson)."""
        return rate_range(self.rejects, self.parts, confidence=CONFIDENCE)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "parts": self.parts,
            "outcomes": {str(outcome): count for outcome, count in self.outcomes.items()},
            "rejects": self.rejects,
            "reject_rate": self.reject_rate,
            "reject_limits": list(self.reject_limits),
        }


@dataclass(frozen=True)
class ShiftFigures:
    """What happened in a shift.

    Attributes:
        since, until: when it was; aware.
        all: of all parts.
        recipes: the same by recipe; the key is empty where there was none.
        confirmed: parts of which a person said that the verdict was right.
        false_rejects: rejected parts of which a person said that they were good.
        missed: good parts of which a person said that they were not.
    """

    since: datetime
    until: datetime
    all: Parts
    recipes: dict[str, Parts]
    confirmed: int
    false_rejects: int
    missed: int

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            **self.all.to_dict(),
            "recipes": {name: parts.to_dict() for name, parts in self.recipes.items()},
            "confirmed": self.confirmed,
            "false_rejects": self.false_rejects,
            "missed": self.missed,
        }


def shift_figures(ledger: Reader, since: datetime, until: datetime) -> ShiftFigures:
    """The figures of a time.

    Args:
        ledger: to read.
        since: at or after this; aware.
        until: before this; aware.
    """
    counts = ledger.counts(since=since, until=until)
    recipes = sorted({count.recipe or "" for count in counts})
    said = ledger.last_words(since=since, until=until)
    overruled = {verdict: parts for verdict, word, parts in said if word == "overruled"}
    return ShiftFigures(
        since,
        until,
        parts_of((count.verdict, count.parts) for count in counts),
        {
            name: parts_of((c.verdict, c.parts) for c in counts if (c.recipe or "") == name)
            for name in recipes
        },
        confirmed=sum(parts for _, word, parts in said if word == "confirmed"),
        false_rejects=sum(n for verdict, n in overruled.items() if verdict != Outcome.GOOD),
        missed=overruled.get(Outcome.GOOD, 0),
    )


def parts_of(counts: Any) -> Parts:
    """Counts by verdict, gathered; a verdict that nobody knows counts as not inspected."""
    outcomes = dict.fromkeys(Outcome, 0)
    for verdict, parts in counts:
        known = Outcome(verdict) if verdict in set(Outcome) else Outcome.NOT_INSPECTED
        outcomes[known] += parts
    return Parts(sum(outcomes.values()), outcomes)


def shifts_of(
    starts: Sequence[str], timezone: str | None, now: datetime, count: int
) -> list[tuple[datetime, datetime]]:
    """When the last shifts began and end, the newest first: the one that runs.

    Args:
        starts: of the shifts, `HH:MM` by the clock on the wall.
        timezone: whose clock that is; `None` for the machine's.
        now: aware.
        count: how many shifts.

    Raises:
        ValueError: a start or the time zone is none.
    """
    shifts = Shifts(starts=tuple(starts), timezone=timezone)
    found = []
    for _ in range(count):
        start = shifts.start_of(now)
        found.append((start, shifts.end_of(now)))
        now = start - MOMENT
    return found
