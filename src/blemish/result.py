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
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from blemish.typed_json import Hash

if TYPE_CHECKING:
    from blemish.alignment import Motion

GOOD = "good"  # the label of images without a defect

Ring = tuple[tuple[int, int], ...]  # corners of a polygon, (x, y); the last leads to the first
Outline = tuple[Ring, ...]  # the outer ring, then those of holes


Box = tuple[int, int, int, int]


class Verdict(StrEnum):
    """What to do with the part; only one that is `GOOD` passes."""

    GOOD = "good"
    DEFECT = "defect"
    NOT_INSPECTABLE = "not inspectable"  # its score says nothing; `Prediction.reasons` say why


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a region was compared with: the good patch nearest to its oddest one.

    Attributes:
        image, sha256: the training image that it is of: its id, and the hash of its file.
        box_xyxy: where it lies there, in pixels of that image.
        patch_xyxy: where the odd patch lies in the image that was judged.
        distance: between both, as the patch's score has it, not told by its place.
    """

    image: str
    sha256: str
    box_xyxy: Box
    patch_xyxy: Box
    distance: float

    def to_dict(self) -> dict[str, Any]:
        """The evidence as plain JSON values."""
        return {
            "image": self.image,
            "sha256": self.sha256,
            "box_xyxy": list(self.box_xyxy),
            "patch_xyxy": list(self.patch_xyxy),
            "distance": self.distance,
        }


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
        evidence: what it was compared with; `None` where that was not asked for.
    """

    area_px: int
    box_xyxy: tuple[int, int, int, int]
    peak_score: float
    peak_xy: tuple[int, int]
    outline_xy: Outline | None = None
    zone: str | None = None
    evidence: Evidence | None = None

    def to_dict(self) -> dict[str, Any]:
        """The region as plain JSON values; without outline and evidence where it has none."""
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
        if self.evidence is not None:
            values["evidence"] = self.evidence.to_dict()
        return values


@dataclass(frozen=True, slots=True)
class Note:
    """What sets an image apart from all training images, so that its score says little.

    Attributes:
        code: `size`, `aspect`, `colour`, `brightness` or `contrast`; of a reason `dark`, `bright`,
            `contrast`, `blurred`, `unlike`, or `alignment` where a part cannot be aligned.
        message: a sentence.
    """

    code: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """The note as plain JSON values."""
        return {"code": self.code, "message": self.message}


class Look(NamedTuple):
    """How an image looks beside the training images.

    Attributes:
        brightness: mean, as a share of white.
        contrast: standard deviation, as a share of white.
        sharpness: root of the mean square of second differences over that of first ones; blur
            lowers it, whatever the light.
        slant: share by which edges run along one diagonal rather than the other, -1 to 1.
        right, down: shift from the mean training image, as a share of the image's sides; `None`
            where the mean is not known.
        turn_deg: turn from it, clockwise as seen on a screen.
    """

    brightness: float
    contrast: float
    sharpness: float
    slant: float
    right: float | None = None
    down: float | None = None
    turn_deg: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """The same by names."""
        return self._asdict()


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a model says of one image.

    Attributes:
        score: raw anomaly score of the image, unbounded.
        score_map: raw anomaly scores, H x W of the original image, float32.
        p_value: share of good images, conformal, that score at least as high; `None` where the
            model is not calibrated.
        verdict: of the score alone, where the image is inspectable; `None` where the model is not
            calibrated.
        regions: connected regions above the pixel threshold, highest peak first. Where that is not
            the verdict's threshold, an image near either may be a defect without a region, or good
            with one.
        seconds: time from decoded image to score and map; where several run at once, its share.
        path: where the image came from; `None` for an array.
        tail_p_value: the p-value by a fitted tail: model-based, and below what so many images
            can tell; `None` where no tail was asked for.
        notes: what sets the image apart from all that the model learned from, if anything.
        look: light, sharpness, place and so on; `None` where they were not asked for.
        reasons: why the image is not inspectable; empty where it is.
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
    look: Look | None = None
    reasons: tuple[Note, ...] = ()
    motion: Motion | None = None

    def to_dict(self) -> dict[str, Any]:
        """The prediction without its map, as plain JSON values: a line of `blemish predict`.

        `reasons` are there where there are any, `look` where it was asked for, `motion` where parts
        are aligned.
        """
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
        if self.reasons:
            values["reasons"] = [reason.to_dict() for reason in self.reasons]
        if self.look is not None:
            values["look"] = self.look.to_dict()
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
