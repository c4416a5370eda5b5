"""What was found on the test images: figures, curves, what was said of each image, examples."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from blemish.result import Note, Region, Verdict

Number = int | float
FiguresOfOne = dict[str, Number | None]
Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledRegion:
    """A region of a mask: in which image, and how large."""

    image: str
    defect_type: str
    area_px: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RegionsOfSize:
    """Labelled regions of `from_px` to below `below_px` pixels; `None` without a threshold."""

    from_px: int
    below_px: int
    regions: int
    found: int | None
    recall: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Regions:
    """How many labelled regions there are, and how many of them the threshold finds."""

    regions: int
    found: int | None
    by_size: tuple[RegionsOfSize, ...] = ()
    smallest_found: LabelledRegion | None = None
    largest_missed: LabelledRegion | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Figures by their names; `None` where a figure is undefined.

    Attributes:
        image, pixel: of all test images.
        per_type: for each type of defect, of its images against the good ones.
        intervals: for `image` and `pixel`, low and high end, 95 %.
        regions: of the masks.
        undefined: for each figure that is `None`, as `pixel.aupimo`, the reason.
        notes: sentences without which the figures would be misread.
    """

    image: FiguresOfOne
    pixel: FiguresOfOne
    per_type: dict[str, FiguresOfOne] = field(default_factory=dict)
    intervals: dict[str, dict[str, Interval | None]] = field(default_factory=dict)
    regions: Regions | None = None
    undefined: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def at(self, level: str) -> FiguresOfOne:
        """Those of `image` or `pixel` level."""
        return self.image if level == "image" else self.pixel

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        return plain(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class RocCurve:
    """Points of a ROC curve, rising."""

    false_alarm_rate: tuple[float, ...]
    recall: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProCurve:
    """Points of a PRO curve, rising; `overlap` is the mean share found of a region."""

    false_alarm_rate: tuple[float, ...]
    overlap: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """Curves thinned for drawing; `None` where undefined."""

    image_roc: RocCurve | None = None
    pixel_roc: RocCurve | None = None
    pro: ProCurve | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRow:
    """What was said of one test image, beside its label.

    Attributes:
        path: its id in the data set.
        label: `good` or `defect`.
        defect_type: `good` of good images.
        score, p_value, tail_p_value, verdict, regions, notes, reasons: as in `Prediction`.
        seconds: that the graph took; `None` of maps.
        aupimo: its AUPIMO; `None` where undefined.
        metadata: what else the data set tells of it, by column.
    """

    path: str
    label: str
    defect_type: str
    score: float
    p_value: float | None = None
    tail_p_value: float | None = None
    verdict: Verdict | None = None
    regions: tuple[Region, ...] = ()
    notes: tuple[Note, ...] = ()
    seconds: float | None = None
    aupimo: float | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    reasons: tuple[Note, ...] = ()

    @property
    def not_inspectable(self) -> bool:
        """Whether it was rejected whatever its score."""
        return self.verdict == Verdict.NOT_INSPECTABLE


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A test image worth showing: the files of `image` and `map`, relative to the run's folder.

    `compared` is one of patches beside the good ones that they were nearest to, and `compared_with`
    says which; both `None` where the model keeps no thumbnails.
    """

    path: str
    score: float
    defect_type: str
    image: str
    map: str
    compared: str | None = None
    compared_with: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Examples:
    """Test images that were judged wrongly, and some that were judged rightly."""

    false_alarms: tuple[Example, ...] = ()
    misses: tuple[Example, ...] = ()
    caught: tuple[Example, ...] = ()


def plain(value: Any) -> dict[str, Any]:
    """A record, or a part of one, as plain JSON values."""
    import msgspec

    values: dict[str, Any] = msgspec.to_builtins(value)
    return values
