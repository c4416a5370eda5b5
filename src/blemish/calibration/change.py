"""What another calibration of the same graph does on the line: more alarms, or more that passes.

Told by two sets of good images: the model's own, left out of its fit in turn, and those that the
new thresholds rest on. Neither says what the line makes now; where they disagree, somebody should
look before the new thresholds are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from blemish.calibration.thresholds import Calibration
from blemish.result import ScoredImage


@dataclass(frozen=True)
class Above:
    """How many of some good images score above the threshold before, and now."""

    images: int
    before: int
    now: int

    @classmethod
    def of(cls, scores: Sequence[float], before: float, now: float) -> Above:
        """Count the scores above two thresholds."""
        return cls(len(scores), sum(s > before for s in scores), sum(s > now for s in scores))

    def spell(self) -> str:
        """Both counts, for the end of a sentence; there must be images."""
        share = 100 * self.now / self.images
        return (
            f"{self.now} of {self.images} ({share:.1f} %) are above it, {self.before} were before"
        )


@dataclass(frozen=True)
class Change:
    """What becomes of a threshold.

    Attributes:
        level: `image` or `pixel`.
        before, now: the threshold.
        rate_before, rate: of good images above it, as promised.
        own: the good images of the fit, as they scored when left out.
        new: the good images that the new threshold rests on.
    """

    level: str
    before: float
    now: float
    rate_before: float
    rate: float
    own: Above
    new: Above

    def to_dict(self) -> dict[str, Any]:
        """The change as plain JSON values."""
        return asdict(self)

    def warning(self) -> str | None:
        """What a user must hear of it; `None` where nothing changes."""
        if self.now == self.before:
            return None
        what = f"The {self.level} threshold {'falls' if self.now < self.before else 'rises'}"
        what += f" from {self.before:.4g} to {self.now:.4g}: {self._effect()}."
        told = [
            f"Of the {whose}, {above.spell()}."
            for whose, above in (
                ("model's own good images, left out", self.own),
                ("good images calibrated on", self.new),
            )
            if above.before or above.now
        ]
        return " ".join([what, *told, *self._advice()])

    def _effect(self) -> str:
        if self.now < self.before:
            more = "alarms" if self.level == "image" else "regions on good images"
            return f"{more} will rise"
        return f"defects whose {'score' if self.level == 'image' else 'map'} is between will pass"

    def _advice(self) -> list[str]:
        """Where the two sets disagree by more than what is promised."""
        if self.now > self.before or self.own.now <= self.rate * (self.own.images + 1):
            return []
        return [
            f"Promised are {100 * self.rate:.3g} %, for images like those calibrated on; if the "
            "line still makes images like the model's own, calibrate on both together."
        ]


def changes(
    before: Calibration,
    now: Calibration,
    *,
    own: Sequence[ScoredImage],
    new: Sequence[ScoredImage],
) -> tuple[Change, Change]:
    """What becomes of the image threshold, and of the pixel threshold.

    Args:
        before: the model's calibration.
        now: another one.
        own: the images that the model was fitted on, left out in turn.
        new: the images that `now` rests on.
    """
    then, today = before.stated(), now.stated()

    def above(images: Sequence[ScoredImage], of: str, old: float, other: float) -> Above:
        return Above.of([getattr(image, of) for image in images], old, other)

    old, other = before.image_threshold, now.image_threshold
    rates = then.false_alarm_rate, today.false_alarm_rate
    counts = [above(images, "score", old, other) for images in (own, new)]
    of_images = Change("image", old, other, *rates, *counts)
    old, other = before.pixel_threshold, now.pixel_threshold
    counts = [above(images, "peak", old, other) for images in (own, new)]
    return of_images, Change("pixel", old, other, then.region_rate, today.region_rate, *counts)
