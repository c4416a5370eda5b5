"""What a model file says of itself: each fact that anything reads is declared here, and checked.

Anybody can write a model file whose hash is right. So nothing is taken from it before it is known
to be of its type and within its limits; whatever is not is a `ModelFileError` that names the fact.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast

from blemish.errors import ModelFileError
from blemish.images.read import Alpha
from blemish.model.json_types import JsonError, Looks, Within, check_json, read_json

SCHEMA = 4
OLDEST = 3  # that is still read: it says picture where 4 says image
MOST_BYTES = 1 << 28  # of all facts: more than a million images

Hash = Annotated[str, Looks("[0-9a-f]{64}")]
Count = Annotated[int, Within(0)]
Positive = Annotated[int, Within(1)]
Share = Annotated[float, Within(0, 1)]
Above0 = Annotated[float, Within(0, float("inf"), open=True)]
Rate = Annotated[float, Within(0, 1, open=True)]
Scored = tuple[str, Hash, float, float]  # id, sha256, score, peak of the map
Fitted = tuple[str, Hash, float | None, float | None]  # without both where never left out


class TailFacts(TypedDict):
    """A fitted tail; see `calibration.tail.Tail`."""

    level: float
    excesses: Positive
    scores: Positive
    shape: Share
    scale: Above0
    fit: Share


class TailsFacts(TypedDict):
    """Tails of the scores and of the peaks."""

    scores: TailFacts
    peaks: TailFacts


class CostFacts(TypedDict):
    """A threshold by costs; see `calibration.costs.CostRule`."""

    threshold: float
    miss: Above0
    false_alarm: Above0
    defect_rate: Rate
    good: Positive
    defects: Positive
    false_alarms: Count
    misses: Count
    false_alarm_rate: Share
    false_alarm_rate_at_most_95: Share
    miss_rate: Share
    miss_rate_at_most_95: Share
    expected_cost: float


class FalseRegionFacts(TypedDict):
    """What a good image shows; see `calibration.false_regions.FalseRegions`."""

    pixels_per_image: Annotated[float, Within(0)]
    regions_per_thousand: Annotated[float, Within(0)]
    images_per_thousand: Annotated[float, Within(0, 1000)]


class CalibrationFacts(TypedDict):
    """Thresholds, what they promise, and the images that they rest on."""

    method: str
    images: Positive
    false_alarm_rate: Share
    lowest_rate: Share
    upper_bound_95: Share
    image_threshold: float
    pixel_threshold: float
    smallest_region_px: Positive
    scored: list[Scored]
    basis: Literal["conformal", "model-based", "costs"]
    region_rate: Rate
    region_basis: Literal["conformal", "model-based"]
    region_upper_bound_95: Share
    false_regions: FalseRegionFacts | None
    either_rate: Share | None
    dropped: Count
    rate_if_dropped_were_good: Share | None
    tails: TailsFacts | None
    costs: CostFacts | None
    defects: NotRequired[list[Scored]]


class BackboneFacts(TypedDict):
    """The backbone whose features were taken."""

    name: str
    levels: list[str]
    licence: str
    sha256: Hash


class TeacherFacts(TypedDict):
    """The teacher of EfficientAd."""

    name: str
    pdn: str
    licence: str
    sha256: Hash


class TrainedWithFacts(TypedDict):
    """What a training ran on."""

    device: str
    precision: str


class PenaltyFacts(TypedDict):
    """The images of the penalty of EfficientAd."""

    source: str
    images: Count


class SettingsFacts(TypedDict):
    """The settings that are read by name; the others are only shown."""

    seed: Count
    fit: Literal["stretch", "shorter", "longer"]
    image_size: Positive | tuple[Positive, Positive] | None
    steps: NotRequired[Count | None]


class SourceFacts(TypedDict):
    """Something that the detector takes from elsewhere; see `detectors.contract.Source`."""

    role: str
    name: str
    licence: str
    sha256: Hash


class DetailsFacts(TypedDict):
    """What a detector tells of its fit; only it knows the names."""


class DetectorFacts(TypedDict):
    """The detector, its settings, and what it tells of its fit."""

    name: str
    settings: SettingsFacts
    batch: NotRequired[Positive]
    sources: NotRequired[list[SourceFacts]]
    told: NotRequired[list[tuple[str, str]]]
    details: NotRequired[DetailsFacts]
    trained_on: NotRequired[Count]
    backbone: NotRequired[BackboneFacts | None]
    bank_vectors: NotRequired[Count]
    bank_dimensions: NotRequired[Count]
    bank_bytes: NotRequired[Count]
    patches: NotRequired[Count]
    teacher: NotRequired[TeacherFacts]
    parameters: NotRequired[Count]
    penalty: NotRequired[PenaltyFacts]
    trained_with: NotRequired[TrainedWithFacts]


class FormatFacts(TypedDict):
    """Depth of the images."""

    bit_depth: Literal[8, 16]
    white_level: Annotated[int, Within(1, 65535)]


class InputFacts(TypedDict):
    """What images the graph takes."""

    format: FormatFacts
    alpha: Alpha


class SuspiciousImage(TypedDict):
    """A training image that stands out."""

    id: str
    sha256: Hash
    score: float
    expected: float
    robust_z: float
    box_xyxy: tuple[Count, Count, Count, Count]


class SuspiciousFacts(TypedDict):
    """The training images that stand out, among how many, and how many would by chance."""

    scored: Count
    typical_score: float
    by_chance: float
    images: list[SuspiciousImage]


Ends = tuple[Annotated[float, Within(0)], Annotated[float, Within(0)]]


class AppearanceFacts(TypedDict):
    """How the training images look, lowest and highest; see `images.usual.Usual`."""

    height_px: Ends
    width_px: Ends
    aspect: Ends
    brightness: Ends
    contrast: Ends
    colour: Ends


class TrainingFacts(TypedDict):
    """The training images, and which of them stand out or were dropped."""

    dataset: str
    layout: str
    left_out: str
    images: list[Fitted]
    suspicious: SuspiciousFacts | None
    dropped: list[Scored]
    appearance: AppearanceFacts


class Facts(TypedDict):
    """All facts of a model file."""

    schema: Positive
    blemish: str
    versions: dict[str, str]
    detector: DetectorFacts
    input: InputFacts
    training: TrainingFacts
    calibration: CalibrationFacts


_GOES_WITH = {
    "bank_vectors": ("bank_dimensions", "bank_bytes", "patches"),
    "teacher": ("parameters", "penalty", "trained_with"),
}


def parse_facts(text: str, name: str) -> Facts:
    """What a model file says of itself.

    Args:
        text: JSON, as it is in the file.
        name: what to call the file in errors.

    Raises:
        ModelFileError: a fact is missing, of another type or out of its limits, or the file is of a
            schema that this version does not read.
    """
    if len(text) > MOST_BYTES:
        raise ModelFileError(f"'{name}' says {len(text):,} characters of itself; that is too much.")
    try:
        facts = read_json(text)
        check_json(facts, _Versioned)
        if facts["schema"] > SCHEMA:
            raise ModelFileError(
                f"'{name}' has schema {facts['schema']}, made by blemish {facts['blemish']}; this "
                f"version reads schemas {OLDEST} to {SCHEMA}. Upgrade: pip install -U blemish"
            )
        if facts["schema"] < OLDEST:
            raise ModelFileError(
                f"'{name}' has schema {facts['schema']}, made by blemish {facts['blemish']}; this "
                f"version reads schemas {OLDEST} to {SCHEMA}. Fit it again."
            )
        facts = migrate(facts) if facts["schema"] < SCHEMA else facts
        check_json(facts, Facts)
        _check_detector(facts["detector"])
        for threshold in ("image_threshold", "pixel_threshold"):
            _check_searchable(text, threshold, facts["calibration"][threshold])
    except JsonError as error:
        raise ModelFileError(
            f"What '{name}' says of itself cannot be used: {error} Fit or calibrate it again."
        ) from error
    return cast(Facts, facts)


def migrate(facts: Any) -> Any:
    """The facts of an older file as they would stand in one of today."""
    if isinstance(facts, dict):
        return {name.replace("picture", "image"): migrate(value) for name, value in facts.items()}
    return [migrate(value) for value in facts] if isinstance(facts, list) else facts


class _Versioned(TypedDict):
    schema: Positive
    blemish: str


def _check_searchable(text: str, name: str, value: float) -> None:
    """Raise `JsonError` where whoever searches for a name in place of parsing finds another value.

    That is how programs without a JSON parser read a threshold.
    """
    found = re.findall(rf'"{name}": ([^,\s}}]+)', text)
    if found != [json.dumps(value)]:
        raise JsonError(f"'{name}' is not there exactly once, as {value:g}.")


def _check_detector(detector: dict[str, Any]) -> None:
    """Raise `JsonError` where a fact is told without those that belong to it."""
    for told, others in _GOES_WITH.items():
        for other in others if told in detector else ():
            if other not in detector:
                raise JsonError(f"detector.{other} is missing.")
    if "teacher" in detector and detector["settings"].get("steps") is None:
        raise JsonError("detector.settings.steps is missing.")
