"""What a monitor says once a line is no longer what it was."""

from __future__ import annotations

from dataclasses import dataclass

from blemish.monitor.bets import Kind
from blemish.typed_json import Positive, Share


@dataclass(frozen=True)
class Alarm:
    """That a line is no longer what it was.

    Attributes:
        part: with which it was raised, counted from 1.
        since: the part with which the change began, about.
        stream: what has changed: `score`, `brightness`, ...
        kind: p-values are `low` (it rose), `high` (it fell) or all `alike`.
        reason: the same in words.
        before: the median of what it was held against; `None` where that was nothing yet.
        now: the mean of the latest parts.
        parts_a_chance: good parts among which so much evidence is expected once at most.
        ever: the probability at most that a line that stays the same ever shows as much.
    """

    part: Positive
    since: Positive
    stream: str
    kind: Kind
    reason: str
    before: float | None
    now: float
    parts_a_chance: float
    ever: Share

    def spell(self) -> str:
        """The same in two sentences."""
        was = "" if self.before is None else f", was {self.before:.4g}"
        return (
            f"The line has changed since about part {self.since:,}: {self.reason} "
            f"({self.stream} is {self.now:.4g}{was}); seen at part {self.part:,}. Chance shows as "
            f"much once in {_rounded(self.parts_a_chance)} good parts at most, and on one in "
            f"{_rounded(1 / max(self.ever, 1e-300))} lines ever."
        )


def _rounded(value: float) -> str:
    """Two digits, as people say it."""
    if value >= 1e9:
        return "a billion or more"
    digits = max(0, len(str(int(value))) - 2)
    return f"{int(value) // 10**digits * 10**digits:,}"
