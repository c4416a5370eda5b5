"""Parts as templates print them: made of rows of the ledger, or of what has just been judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from blemish.ledger.entry import Row
from blemish.station.inspection import Outcome

GAUGE = 200  # its width; the threshold is in the middle


@dataclass(frozen=True)
class ViewShown:
    """What one camera saw of a part.

    Attributes:
        camera, name, error: as the view has them.
        score, threshold, pixel_threshold: raw; `None` where the image was not judged.
        regions: of its prediction, as JSON values.
        reasons, notes: sentences.
        model: hash of the one that judged.
    """

    camera: str
    name: str | None
    error: str | None
    score: float | None
    threshold: float | None
    pixel_threshold: float | None
    regions: Sequence[Mapping[str, Any]]
    reasons: Sequence[str]
    notes: Sequence[str]
    model: str | None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ViewShown:
        """From a view as JSON values."""
        found = values.get("prediction") or {}
        return cls(
            values["camera"],
            values.get("name"),
            values.get("error"),
            found.get("score"),
            values.get("threshold"),
            values.get("pixel_threshold"),
            found.get("regions", ()),
            [reason["message"] for reason in found.get("reasons", ())],
            [note["message"] for note in found.get("notes", ())],
            values.get("model_sha256"),
        )

    @property
    def prediction(self) -> bool:
        """Whether it was judged."""
        return self.score is not None

    @property
    def place(self) -> float:
        """Of the score along the gauge, 0 to `GAUGE`."""
        if self.score is None or not self.threshold:
            return 0.0
        share = 0.5 + (self.score - self.threshold) / (2 * abs(self.threshold))
        return round(GAUGE * min(max(share, 0.0), 1.0), 1)


@dataclass(frozen=True)
class PartShown:
    """A part that was inspected.

    Attributes:
        number: of its row.
        id: of the inspection.
        time: aware.
        part: its id, if it has one.
        recipe, verdict: as recorded.
        score, threshold: of the row.
        views, missing: of its cameras.
        sha256: of the row.
    """

    number: int
    id: str
    time: datetime
    part: str | None
    recipe: str | None
    verdict: str
    score: float | None
    threshold: float | None
    views: Sequence[ViewShown]
    missing: Sequence[str]
    sha256: str

    @classmethod
    def of(cls, row: Row) -> PartShown:
        """From a row of an inspection."""
        entry = row.entry
        return cls(
            row.number,
            entry.body.get("id", ""),
            entry.time,
            entry.part,
            entry.recipe,
            entry.verdict or str(Outcome.NOT_INSPECTED),
            entry.score,
            entry.threshold,
            [ViewShown.of(view) for view in entry.body.get("views", ())],
            entry.body.get("missing", ()),
            row.sha256,
        )

    def view(self, camera: str) -> ViewShown | None:
        """What a camera saw."""
        return next((view for view in self.views if view.camera == camera), None)

    @property
    def called(self) -> str | None:
        """Its id; of a part without, what the source calls its image."""
        return self.part or next((view.name for view in self.views if view.name), None)

    @property
    def flagged(self) -> bool:
        """Whether it shows regions."""
        return any(view.regions for view in self.views)

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to say of it."""
        return not (self.flagged or self.missing) and not any(
            view.error or view.reasons or view.notes for view in self.views
        )

    @property
    def of_good(self) -> bool:
        """Whether it passed."""
        return self.verdict == Outcome.GOOD
