"""The value objects in the middle: what a model says of one image.

Detectors and models make them, metrics, drawings and reports take them. They hold raw scores
(unbounded, higher is more anomalous) and, where a model is calibrated, the verdict that follows.

Convention: boxes are `(x0, y0, x1, y1)` in pixels of the original image (turned upright where its
EXIF data say so), `x1` and `y1` exclusive;
points are `(x, y)`, the centre of the top left pixel being (0, 0); outlines go along the edges of
pixels, from corner to corner, the outer corner of the top left pixel being (0, 0), as in boxes;
maps are H x W, float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blemish.alignment import Motion
from blemish.typed_json import Hash

GOOD = "good"  # the label of images without a defect

Ring = tuple[tuple[int, int], ...]  # corners of a polygon, (x, y); the last leads to the first
Outline = tuple[Ring, ...]  # the outer ring, then those of holes


class Verdict(StrEnum):
    """What to do with the part."""

    GOOD = "good"
    DEFECT = "defect"


@dataclass(frozen=True, slots=True)
class Region:
    """A connected set of pixels (8-connected) whose score is above the pixel threshold.

    Attributes:
        area_px: how many pixels it has.
        box_xyxy: the smallest box around it; `x1` and `y1` exclusive.
        peak_score: its highest score, raw.
        peak_xy: the pixel with that score; of several, the first in reading order.
        outline_xy: polygons along the edges of its pixels, the outer ring first, then one for each
            hole; `None` where outlines were not asked for. Filled by the even-odd rule or by the
            nonzero one, they give back its pixels. A ring holds the corners where it turns, the
            topmost first (of several, the leftmost); the last leads back to the first. As seen on
            a screen, the outer ring goes clockwise, the others counter-clockwise. Where pixels
            touch by a corner alone, two rings meet there, or one passes twice; none crosses.
        zone: name of the zone that its peak is in; `None` where all of an image is inspected.
    """

    area_px: int
    box_xyxy: tuple[int, int, int, int]
    peak_score: float
    peak_xy: tuple[int, int]
    outline_xy: Outline | None = None
    zone: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The region as plain JSON values; without an outline where it has none."""
        values: dict[str, Any] = {
            "area_px": self.area_px,
            "box_xyxy": list(self.box_xyxy),
            "peak_score": self.peak_score,
            "peak_xy": list(self.peak_xy),
        }
        if self.outline_xy is not None:
            values["outline_xy"] = [[list(point) for point in ring] for ring in self.outline_xy]
        if self.zone is not None:
            values["zone"] = self.zone
        return values


@dataclass(frozen=True, slots=True)
class Note:
    """What sets an image apart from all training images, so that its score says little.

    Attributes:
        code: `size`, `aspect`, `colour`, `brightness` or `contrast`; `alignment` where a part
            cannot be aligned, so that its score says nothing.
        message: a sentence.
    """

    code: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """The note as plain JSON values."""
        return {"code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a model says of one image.

    Attributes:
        score: raw anomaly score of the image, unbounded.
        score_map: raw anomaly scores, H x W of the original image, float32.
        p_value: share of good images, conformal, that score at least as high; `None` where the
            model is not calibrated.
        verdict: of the score alone; `None` where the model is not calibrated.
        regions: connected regions above the pixel threshold, highest peak first. Where that is not
            the verdict's threshold, an image near either may be a defect without a region, or good
            with one.
        seconds: time from decoded image to score and map; where several run at once, its share.
        path: where the image came from; `None` for an array.
        tail_p_value: the p-value by a fitted tail: model-based, and below what so many images
            can tell; `None` where no tail was asked for.
        notes: what sets the image apart from all that the model learned from, if anything.
        motion: how the part lies beside the reference; `None` where the model aligns none.
    """

    score: float
    score_map: NDArray[np.float32]
    p_value: float | None = None
    verdict: Verdict | None = None
    regions: tuple[Region, ...] = ()
    seconds: float = 0.0
    path: str | None = None
    tail_p_value: float | None = None
    notes: tuple[Note, ...] = ()
    motion: Motion | None = None

    def to_dict(self) -> dict[str, Any]:
        """The prediction without its map, as plain JSON values: a line of `blemish predict`."""
        values: dict[str, Any] = {
            "path": self.path,
            "score": self.score,
            "p_value": self.p_value,
            "tail_p_value": self.tail_p_value,
            "verdict": None if self.verdict is None else str(self.verdict),
            "regions": [region.to_dict() for region in self.regions],
            "notes": [note.to_dict() for note in self.notes],
            "seconds": self.seconds,
        }
        if self.motion is not None:
            values["motion"] = self.motion.to_dict()
        return values


@dataclass(frozen=True)
class Failure:
    """An image that could not be judged, and why; the others go on."""

    path: str | None
    error: str

    def to_dict(self) -> dict[str, Any]:
        """A line of `blemish predict`."""
        return {"path": self.path, "error": self.error}


class ScoredImage(NamedTuple):
    """An image that a model was not fitted on, or was left out of, and what it scored.

    Attributes:
        id: the image's, in its data set.
        sha256: of its file.
        score: raw.
        peak: the largest value of its map, raw.
    """

    id: str
    sha256: Hash
    score: float
    peak: float
