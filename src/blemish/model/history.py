"""What was done to a model since it was fitted: steps, each with the file that it was done to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from blemish.typed_json import Count, Hash, Share, as_json
from blemish.wording import counted, first_few

MOST_NAMED = 5

Kind = Literal["learn", "forget", "calibrate"]


class StepImage(NamedTuple):
    """An image that was learned or forgotten."""

    id: str
    sha256: Hash


@dataclass(frozen=True)
class Step:
    """A change of a model's banks.

    Attributes:
        kind: what was done; a calibration is a step where others were before it.
        parent: hash of the model file that it was done to.
        images: that were learned or forgotten.
        whole: whether whole images were learned, and not only their regions.
        added, removed: vectors, of all banks.
        because: the reason, in somebody's words; empty where none was given.
        verdict_holds: whether the promised false-alarm rate holds after it, if it did before.
        regions_hold: the same of the share of good images that show a region.
        defects: whether the images are known defects.
        more_alarms: share of good images that may be raised for these, on top of what is promised.
    """

    kind: Kind
    parent: Hash
    images: tuple[StepImage, ...]
    whole: bool
    added: Count
    removed: Count
    because: str
    verdict_holds: bool
    regions_hold: bool
    defects: bool = False
    more_alarms: Share = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        values: dict[str, Any] = as_json(self)
        return values

    def told(self) -> str:
        """A sentence for people."""
        if self.kind == "calibrate":
            return f"calibrated, from {self.parent[:12]}"
        did = {"learn": "learned", "forget": "forgot"}[self.kind] + " defects" * self.defects
        more, less = f"{self.added:,} vectors more", f"{self.removed:,} vectors less"
        vectors = more if not self.removed else f"{less}, {more}" if self.added else less
        names = first_few([image.id for image in self.images], MOST_NAMED)
        because = f" because: {self.because};" if self.because else ""
        return f"{did} {names}: {vectors};{because} from {self.parent[:12]}"


def calibrated(parent: str) -> Step:
    """The step of a calibration."""
    return Step("calibrate", parent, (), False, 0, 0, "", True, True)


def promise_told(history: tuple[Step, ...]) -> str | None:
    """What the steps leave of the promises; `None` where there were none."""
    if not history:
        return None
    since = [number for number, step in enumerate(history) if step.kind == "calibrate"]
    history = history[since[-1] + 1 :] if since else history
    if not history:
        return "as calibrated last"
    what = "the last calibration" if since else "the fit"
    taught = f"{counted(len(history), 'step')} since {what}"
    open_ = [
        name
        for name, holds in (
            ("the false-alarm rate", all(step.verdict_holds for step in history)),
            ("the region rate", all(step.regions_hold for step in history)),
        )
        if not holds
    ]
    more = max((step.more_alarms for step in history), default=0)
    if more and not open_:
        return (
            f"holds after {taught} but for what is raised as a known defect: at most "
            f"{100 * more:.2g} % of good images more, by those that were given"
        )
    if not open_:
        return f"holds after {taught}: more good patches can only lower a score"
    return (
        f"open after {taught} for {' and '.join(open_)}: blemish calibrate on good images that the "
        "model has not seen"
    )
