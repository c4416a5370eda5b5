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

SCHEMA = 3
# 1: no tail, no costs, nothing of false regions and suspicious pictures.
# 2: no thresholds and verdict as outputs of the graph, nothing of how training images look.
MOST_BYTES = 1 << 28  # of all facts: more than a million pictures

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
    """What a good picture shows; see `calibration.false_regions.FalseRegions`."""

    pixels_per_picture: Annotated[float, Within(0)]
    regions_per_thousand: Annotated[float, Within(0)]
    pictures_per_thousand: Annotated[float, Within(0, 1000)]


class FirstCalibrationFacts(TypedDict):
    """What schema 1 says of thresholds, and all later ones, too."""

    method: str
    pictures: Positive
    false_alarm_rate: Share
    lowest_rate: Share
    upper_bound_95: Share
    image_threshold: float
    pixel_threshold: float
    smallest_region_px: Positive
    scored: list[Scored]


class CalibrationFacts(FirstCalibrationFacts):
    """Thresholds, what they promise, and the pictures that they rest on."""

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
    """The pictures of the penalty of EfficientAd."""

    source: str
    pictures: Count


class SettingsFacts(TypedDict):
    """The settings that are read by name; the others are only shown."""

    seed: Count
    fit: Literal["stretch", "shorter", "longer"]
    image_size: Positive | tuple[Positive, Positive] | None
    steps: NotRequired[Count | None]


class DetectorFacts(TypedDict):
    """The detector, its settings, and what it tells of its fit."""

    name: str
    settings: SettingsFacts
    batch: NotRequired[Positive]
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
    """Depth of the pictures."""

    bit_depth: Literal[8, 16]
    white_level: Annotated[int, Within(1, 65535)]


class InputFacts(TypedDict):
    """What pictures the graph takes."""

    format: FormatFacts
    alpha: Alpha


class SuspiciousPicture(TypedDict):
    """A training picture that stands out."""

    id: str
    sha256: Hash
    score: float
    expected: float
    robust_z: float
    box_xyxy: tuple[Count, Count, Count, Count]


class SuspiciousFacts(TypedDict):
    """The training pictures that stand out, among how many, and how many would by chance."""

    scored: Count
    typical_score: float
    by_chance: float
    pictures: list[SuspiciousPicture]


Ends = tuple[Annotated[float, Within(0)], Annotated[float, Within(0)]]


class AppearanceFacts(TypedDict):
    """How the training images look, lowest and highest; see `images.usual.Usual`."""

    height_px: Ends
    width_px: Ends
    aspect: Ends
    brightness: Ends
    contrast: Ends
    colour: Ends


class FirstTrainingFacts(TypedDict):
    """What schema 1 says of the training pictures, and all later ones, too."""

    dataset: str
    layout: str
    left_out: str
    pictures: list[Fitted]


class TrainingFacts(FirstTrainingFacts):
    """The training pictures, and which of them stand out or were dropped."""

    suspicious: SuspiciousFacts | None
    dropped: list[Scored]
    appearance: NotRequired[AppearanceFacts]  # schema 2 knows nothing of it


class FirstFacts(TypedDict):
    """All facts of schema 1."""

    schema: Positive
    blemish: str
    versions: dict[str, str]
    detector: DetectorFacts
    input: InputFacts
    training: FirstTrainingFacts
    calibration: FirstCalibrationFacts


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

    Returns:
        The facts; those that schema 1 does not know are not there in such a file.

    Raises:
        ModelFileError: a fact is missing, of another type or out of its limits, or the file is of a
            newer schema.
    """
    if len(text) > MOST_BYTES:
        raise ModelFileError(f"'{name}' says {len(text):,} characters of itself; that is too much.")
    try:
        facts = read_json(text)
        check_json(facts, _Versioned)
        if facts["schema"] > SCHEMA:
            raise ModelFileError(
                f"'{name}' has schema {facts['schema']}, made by blemish {facts['blemish']}; this "
                f"version reads schema {SCHEMA}. Upgrade: pip install --upgrade blemish"
            )
        check_json(facts, FirstFacts if facts["schema"] == 1 else Facts)
        if facts["schema"] == 1:
            _leave_out_later(facts)
        _check_detector(facts["detector"])
        for threshold in ("image_threshold", "pixel_threshold"):
            _check_searchable(text, threshold, facts["calibration"][threshold])
    except JsonError as error:
        raise ModelFileError(
            f"What '{name}' says of itself cannot be used: {error} Fit or calibrate it again."
        ) from error
    return cast(Facts, facts)


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


def _leave_out_later(facts: dict[str, Any]) -> None:
    """Take out of a file of schema 1 what only later ones know: nobody has looked at it."""
    for part, known in (("calibration", FirstCalibrationFacts), ("training", FirstTrainingFacts)):
        facts[part] = {name: facts[part][name] for name in known.__annotations__}


def _check_detector(detector: dict[str, Any]) -> None:
    """Raise `JsonError` where a fact is told without those that belong to it."""
    for told, others in _GOES_WITH.items():
        for other in others if told in detector else ():
            if other not in detector:
                raise JsonError(f"detector.{other} is missing.")
    if "teacher" in detector and detector["settings"].get("steps") is None:
        raise JsonError("detector.settings.steps is missing.")
