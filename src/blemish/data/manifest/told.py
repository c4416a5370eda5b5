"""What is to be told of a manifest, gathered while it is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NUMBERED = re.compile(r"(?:line|entry|row) (\d+): ")


@dataclass
class Told:
    """What is wrong, and what was taken for granted.

    Attributes:
        problems: sentences, each with its place if it has one.
        notes: sentences that a user must hear.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def in_order(self) -> list[str]:
        """All problems, those of the whole first, then from the top of the file."""
        return sorted(self.problems, key=_number)


def _number(problem: str) -> int:
    found = _NUMBERED.match(problem)
    return int(found[1]) if found else 0
