"""An audit: whether the rows of a ledger are those that were written, in their order, all of them.

A chain tells of any row that was changed, taken out, put in or moved, as long as the hashes after
it are those that were written. Who makes all hashes anew from some row on, or cuts rows off at the
end, is found by a signed head that was taken earlier and is kept elsewhere (`ledger.heads`).
Rows that are missing at the beginning must be in archives: by default those are asked for.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, Literal

from blemish.errors import UsageError
from blemish.ledger.chain import COLUMNS, link
from blemish.ledger.columns import moment
from blemish.ledger.entry import Kind
from blemish.ledger.opening import open_part
from blemish.ledger.part import Part, UnreadableError
from blemish.ledger.reader import Head
from blemish.progress import Advance, LoggedProgress, Progress

STEP = 1 << 14  # rows between two looks at the progress
Beginning = Literal["here", "archived", "any"]
_KIND, _BODY, _ACT = COLUMNS.index("kind"), COLUMNS.index("body"), Kind.ACT.encode()


@dataclass(frozen=True)
class Fault:
    """What is wrong with a ledger.

    Attributes:
        row: the first row that is known to be wrong; `None` where it is none.
        what: a sentence.
    """

    row: int | None
    what: str


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        first: the first row that was looked at.
        rows: how many stand.
        head: the last one that stands.
        heads: numbers of the signed heads that it agrees with.
        fault: what is wrong; `None` where nothing is.
    """

    first: int
    rows: int
    head: Head
    heads: tuple[int, ...]
    fault: Fault | None

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "ok": self.fault is None,
            "rows": self.rows,
            "first": self.first,
            "head": self.head.to_dict(),
            "heads": list(self.heads),
            "fault": None if self.fault is None else asdict(self.fault),
        }


def audit(
    places: Sequence[str],
    *,
    heads: Sequence[Head] = (),
    beginning: Beginning = "here",
    progress: Progress | None = None,
) -> Audit:
    """Audit a ledger, with its archives where they are at hand.

    Args:
        places: its file, archives that were taken from it, or the address of a mirror
            (postgresql://...), in any order; they must follow each other.
        heads: that it must agree with; their signatures have been checked.
        beginning: where row 1 must be: `here`, in one of the places; `archived`, there or in an
            archive that a row tells of; `any`, of an archive on its own.
        progress: is told how many rows have been looked at.

    Raises:
        LedgerError: one is missing, cannot be reached, or is no ledger.
        UsageError: a head is of rows that are archived, and the archive is not among the places.
    """
    with ExitStack() as stack:
        parts = [stack.enter_context(open_part(place)) for place in places]
        parts.sort(key=lambda part: part.start)
        chain = _Chain(*parts[0].start, heads)
        total = sum(part.count for part in parts)
        with (progress or LoggedProgress()).stage("audit", total) as advance:
            faults = (chain.follow(part, advance) for part in parts)
            fault = next((fault for fault in faults if fault is not None), None)
    return chain.told(fault or chain.missing_end() or chain.missing_start(beginning))


class _Chain:
    """How far a chain has been followed, from a row that is taken to be right."""

    def __init__(self, number: int, sha256: bytes, heads: Sequence[Head]) -> None:
        self.first, self.number, self.sha256, self.time = number + 1, number, sha256, 0
        self.before, self.archive = sha256.hex(), ""  # what the first row follows, and its file
        early = [head.number for head in heads if head.number < number]
        if early:
            raise UsageError(
                f"A head is of row {early[0]:,}, but the first row here is {self.first:,}; "
                "name the archive that holds it, too."
            )
        self.heads = {head.number: head for head in heads}
        self.agreed: list[int] = []

    def follow(self, part: Part, advance: Advance) -> Fault | None:
        """Go through a part. Returns the first thing that is wrong."""
        if part.problem is not None:
            return Fault(None, f"'{part.name}': {part.problem}")
        if part.start != (self.number, self.sha256):
            return Fault(
                self.number + 1,
                f"'{part.name}' goes on from row {part.start[0]:,}, which is not row "
                f"{self.number:,} as it stands at the end of what comes before.",
            )
        try:
            fault = self._compare() or self._follow(part.rows(), advance)
        except (UnreadableError, struct.error, TypeError) as error:
            return Fault(self.number + 1, f"Row {self.number + 1:,} cannot be read ({error}).")
        if fault is None and (damage := part.damage()) is not None:
            return Fault(None, f"'{part.name}': {damage}")
        return fault

    def _follow(self, rows: Iterator[Sequence[Any]], advance: Advance) -> Fault | None:
        number, before = self.number, self.sha256
        for *columns, sha256 in rows:
            number += 1
            if columns[0] != number:
                return Fault(number, f"{_span(number, columns[0] - 1)} missing.")
            if link(before, columns) != sha256:
                return Fault(
                    number,
                    f"Row {number:,} does not follow from what stands before it: it was changed, "
                    "put in or moved.",
                )
            if columns[_KIND] == _ACT and not self.archive:
                self.archive = self._archive(columns[_BODY])
            self.number, self.sha256, self.time = number, sha256, columns[1]
            before = sha256
            if number in self.heads and (fault := self._compare()):
                return fault
            if not number % STEP:
                advance(STEP)
        return None

    def _compare(self) -> Fault | None:
        """Hold the row that has been reached against the head that was taken of it, if any."""
        head = self.heads.get(self.number)
        if head is None or head.sha256 == self.sha256.hex():
            self.agreed += [] if head is None else [self.number]
            return None
        since = self.agreed[-1] if self.agreed else self.first - 1
        return Fault(
            self.number,
            f"Row {self.number:,} is not the one that was signed: one of rows {since + 1:,} to "
            f"{self.number:,} was changed, and the hashes from it on were made anew.",
        )

    def missing_end(self) -> Fault | None:
        """What the heads know of and is not there any more."""
        last = max(self.heads, default=0)
        if last <= self.number:
            return None
        missing = _span(self.number + 1, last)
        return Fault(self.number + 1, f"{missing} missing: cut off at the end.")

    def missing_start(self, beginning: Beginning) -> Fault | None:
        """What stood before the first row and is not here."""
        if self.first == 1 or beginning == "any":
            return None
        missing = f"{_span(1, self.first - 1)} not here"
        if not self.archive:
            return Fault(1, f"{missing}, and no row tells of an archive that holds them: cut off.")
        if beginning == "archived":
            return None
        return Fault(
            1,
            f"{missing}: they should be in archives, the last of which was '{self.archive}'. Name "
            "them all, or pass archived=True to take that for granted.",
        )

    def _archive(self, body: bytes) -> str:
        """Name of the archive of what is before the first row, if this act tells of it."""
        try:
            act = json.loads(body)
        except (ValueError, RecursionError):  # of no writer of ours
            return ""
        if not isinstance(act, dict) or act.get("act") != "archive":
            return ""
        told = act.get("last"), act.get("sha256")
        return str(act.get("file")) if told == (self.first - 1, self.before) else ""

    def told(self, fault: Fault | None) -> Audit:
        """The audit that ended here."""
        rows = self.number + 1 - self.first
        head = Head(self.number, self.sha256.hex(), moment(self.time) if rows else None)
        return Audit(self.first, rows, head, tuple(dict.fromkeys(self.agreed)), fault)


def _span(first: int, last: int) -> str:
    return f"Row {first:,} is" if first == last else f"Rows {first:,} to {last:,} are"
