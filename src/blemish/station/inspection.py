"""What a station says of a part. Here alone it is decided that a part is good.

A part is `GOOD` where every camera that its recipe names gave an image, a model judged each, and
all are good. Whatever else happens (an image that cannot be read, a camera that is silent, a model
that fails, a queue that is full) makes it `NOT_INSPECTED`, which is sorted out as a defect is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from blemish.result import Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from blemish.result import Prediction


class Outcome(StrEnum):
    """What to do with a part; only one that is `GOOD` passes."""

    GOOD = "good"
    DEFECT = "defect"
    NOT_INSPECTABLE = "not inspectable"
    NOT_INSPECTED = "not inspected"


@dataclass(frozen=True, eq=False)
class View:
    """One camera's image of a part, and what came of it.

    Attributes:
        camera: name of the source.
        image_sha256: of the file as it came, or of the pixels where there was no file.
        model_sha256: of the model that judged.
        threshold, pixel_threshold: of its score, and of its map.
        prediction: what the model says; `None` where the image was not judged.
        error: why it was not.
        pixels: the image as it was judged, H x W x 3.
        inspected: which of them are, H x W; `None` for all.
        content: the file as it came; `None` where there was none.
        name: what the source calls it: of a file, its name.
    """

    camera: str
    image_sha256: str | None = None
    model_sha256: str | None = None
    threshold: float | None = None
    pixel_threshold: float | None = None
    prediction: Prediction | None = None
    error: str | None = None
    pixels: NDArray[np.generic] | None = None
    inspected: NDArray[np.bool_] | None = None
    content: bytes | None = None
    name: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The view as plain JSON values, without its pixels."""
        return {
            "camera": self.camera,
            "name": self.name,
            "image_sha256": self.image_sha256,
            "model_sha256": self.model_sha256,
            "threshold": self.threshold,
            "size_hw": None if self.prediction is None else list(self.prediction.score_map.shape),
            "pixel_threshold": self.pixel_threshold,
            "prediction": None if self.prediction is None else self.prediction.to_dict(),
            "error": self.error,
        }


@dataclass(frozen=True, eq=False)
class Inspection:
    """What is said of a part.

    Attributes:
        id: 32 hexadecimal digits, of this inspection alone.
        time: when its first image came; aware, UTC.
        part: its id, if it has one.
        recipe: by which it was inspected.
        outcome: as `outcome_of` has it.
        views: one a camera that gave something.
        missing: cameras of the recipe that gave nothing.
        seconds: from its last image to the verdict.
        monitor: where the line stands: parts, evidence, alarm.
        why: it is not inspected, where that is not of an image: at the start, say, or where it is
            not sure which images belong together.
    """

    id: str
    time: datetime
    part: str | None
    recipe: str
    outcome: Outcome
    views: tuple[View, ...]
    missing: tuple[str, ...] = ()
    seconds: float = 0.0
    monitor: dict[str, Any] | None = None
    why: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The inspection as plain JSON values: the body of its row, and what sinks are given."""
        values: dict[str, Any] = {
            "id": self.id,
            "time": self.time.isoformat(),
            "part": self.part,
            "recipe": self.recipe,
            "verdict": str(self.outcome),
            "views": [view.to_dict() for view in self.views],
            "missing": list(self.missing),
            "seconds": self.seconds,
        }
        if self.monitor is not None:
            values["monitor"] = self.monitor
        if self.why is not None:
            values["why"] = self.why
        return values


def outcome_of(
    views: Sequence[View], cameras: Collection[str], *, doubt: str | None = None
) -> Outcome:
    """What follows for a part.

    Args:
        views: of the cameras that gave something.
        cameras: that the recipe asks for.
        doubt: why it is not sure that the images are of this part, or that it may be good.
    """
    verdicts = {view.camera: _verdict(view) for view in views}
    if (
        doubt is not None
        or not cameras
        or set(verdicts) != set(cameras)
        or len(views) != len(verdicts)
    ):
        verdicts[""] = None
    said = set(verdicts.values())
    if Verdict.DEFECT in said:
        return Outcome.DEFECT
    if None in said:
        return Outcome.NOT_INSPECTED
    if Verdict.NOT_INSPECTABLE in said:
        return Outcome.NOT_INSPECTABLE
    return Outcome.GOOD if said == {Verdict.GOOD} else Outcome.NOT_INSPECTED


_WORST_LAST = (Verdict.GOOD, Verdict.NOT_INSPECTABLE, None, Verdict.DEFECT)


def deciding(views: Sequence[View]) -> View | None:
    """The view that an outcome comes from: of the worst ones, that farthest above its threshold."""
    return max(views, key=_weight, default=None)


def _weight(view: View) -> tuple[int, float]:
    badness = _WORST_LAST.index(_verdict(view))
    if view.prediction is None or view.threshold is None:
        return badness, 0.0
    excess = view.prediction.score - view.threshold
    return badness, excess / (abs(view.threshold) or 1.0)


def _verdict(view: View) -> Verdict | None:
    return None if view.prediction is None or view.error else view.prediction.verdict
