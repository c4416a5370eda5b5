"""What the ledger holds: entries as they are handed in, and rows as they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a row tells of."""

    INSPECTION = "inspection"  # of a part
    REVIEW = "review"  # a person's word on one
    ACT = "act"  # of a person: switched, learned, rolled back
    EVENT = "event"  # of the station itself: started, lost frames, drift


@dataclass(frozen=True)
class Entry:
    """A row to be.

    Attributes:
        kind: what it tells of.
        time: when that was; aware, kept to the microsecond in UTC.
        body: all of it, as plain JSON values.
        key: what it is known by, if anything: the ledger takes a key once, and gives the row that
            has it where the same comes again.
        part: the id of the part, where there is one; so are the others.
        recipe, model_sha256, image_sha256: by what was judged, and what.
        verdict: of `station.inspection.Outcome`.
        score, threshold: raw.
        refers_to: the row that it is about: of a review, the inspection.
        who: the person, by the name of the token.
    """

    kind: Kind
    time: datetime
    body: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    part: str | None = None
    recipe: str | None = None
    model_sha256: str | None = None
    image_sha256: str | None = None
    verdict: str | None = None
    score: float | None = None
    threshold: float | None = None
    refers_to: int | None = None
    who: str | None = None


@dataclass(frozen=True)
class Row:
    """An entry in its place.

    Attributes:
        number: counted from 1, without gaps.
        entry: what it says.
        sha256: over the hash of the row before and all of the entry.
        new: whether it was appended now, rather than found by its key.
    """

    number: int
    entry: Entry
    sha256: str
    new: bool = True
