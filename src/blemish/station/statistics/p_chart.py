"""A p chart: the share of rejects over time, with the limits within which chance moves it.

Limits are exact: fewer or more rejects than they allow come by chance as rarely as a normal value
leaves three sigmas (0.135 % to either side). Where rejects are few, three sigmas of the normal
approximation would raise many false alarms (Montgomery, Statistical Quality Control, section 7.2).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from blemish.binomial import hits_range
from blemish.ledger.reader import Reader
from blemish.station.inspection import Outcome

THREE_SIGMAS = 0.00135  # of a normal distribution lies beyond, to either side


@dataclass(frozen=True)
class Point:
    """A subgroup.

    Attributes:
        start: when it begins; aware.
        parts: how many there were.
        rejects: how many of them were not good.
        lower, upper: shares that chance stays within, at the rate of the centre line.
    """

    start: datetime
    parts: int
    rejects: int
    lower: float
    upper: float

    @property
    def share(self) -> float:
        """Of rejects."""
        return self.rejects / self.parts

    @property
    def out(self) -> bool:
        """Whether it lies beyond a limit: something has changed."""
        return not self.lower <= self.share <= self.upper


@dataclass(frozen=True)
class PChart:
    """Shares of rejects, one after the other.

    Attributes:
        centre: the share that is expected; `None` where there were no parts.
        seconds: that a subgroup takes.
        points: those that had parts, in order.
    """

    centre: float | None
    seconds: float
    points: tuple[Point, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        points = [
            {
                "start": point.start.isoformat(),
                "parts": point.parts,
                "rejects": point.rejects,
                "share": point.share,
                "lower": point.lower,
                "upper": point.upper,
                "out": point.out,
            }
            for point in self.points
        ]
        return {"centre": self.centre, "seconds": self.seconds, "points": points}


def p_chart(
    ledger: Reader,
    since: datetime,
    until: datetime,
    *,
    step: timedelta = timedelta(minutes=30),
    rate: float | None = None,
) -> PChart:
    """A p chart of a time.

    Args:
        ledger: to read.
        since: at or after this; aware.
        until: before this; aware.
        step: how long a subgroup takes.
        rate: share of rejects that is expected, from earlier shifts; by default that of this time.
    """
    parts: dict[int, int] = defaultdict(int)
    rejects: dict[int, int] = defaultdict(int)
    for count in ledger.counts(since=since, until=until, step=step):
        parts[count.step] += count.parts
        rejects[count.step] += count.parts if count.verdict != Outcome.GOOD else 0
    if not parts:
        return PChart(rate, step.total_seconds(), ())
    centre = sum(rejects.values()) / sum(parts.values()) if rate is None else rate
    points = []
    for number, total in sorted(parts.items()):
        fewest, most = hits_range(total, centre, chance=THREE_SIGMAS)
        start = since + number * step
        points.append(Point(start, total, rejects[number], fewest / total, most / total))
    return PChart(centre, step.total_seconds(), tuple(points))
