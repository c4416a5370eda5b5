"""One record: what a job was asked for, what it found, and under which conditions.

A job is a detector fitted and measured on a category, or a model or maps of another tool measured
on one. Whoever measures makes a record, the report and the tests read it; on disk it is one JSON
file (`records.folder`). It holds plain values and no path of the machine. A job that failed leaves
a `FailedRecord`, with what it was asked for and why there is no result.

Whatever may be missing is `None` here, and says so in its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blemish.images.header import Alpha
from blemish.provenance import Source
from blemish.records.findings import Curves, Examples, Figures, ImageRow, plain
from blemish.result import Verdict
from blemish.typed_json import Count, NotNegative, Positive

SCHEMA = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSummary:
    """What was learned from and measured on; `fingerprint` is of all files, labels and splits."""

    name: str
    layout: str
    fingerprint: str
    train_good: Count
    test_good: Count
    test_defect: Count
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FitRequest:
    """What a fit was asked for, not what came of it: the rate reached depends on the images."""

    false_alarm_rate: float | None
    alpha: Alpha
    smallest_region_px: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedRegions:
    """What good images are expected to show above the pixel threshold."""

    pixels_per_image: float
    regions_per_thousand: float
    images_per_thousand: float


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationSummary:
    """The thresholds and what they promise, as `Calibration.to_dict` tells them.

    Of maps of another tool only the thresholds that the user set are known.
    """

    method: str
    image_threshold: float | None
    pixel_threshold: float | None
    images: int | None = None
    basis: str | None = None
    false_alarm_rate: float | None = None
    lowest_rate: float | None = None
    upper_bound_95: float | None = None
    smallest_region_px: int | None = None
    region_rate: float | None = None
    region_basis: str | None = None
    region_upper_bound_95: float | None = None
    false_regions: ExpectedRegions | None = None
    either_rate: float | None = None
    dropped: int = 0
    rate_if_dropped_were_good: float | None = None
    tails: dict[str, Any] | None = None
    costs: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Seconds:
    """What took how long; of a model that was fitted elsewhere, its fit is not known."""

    fit: NotNegative | None = None
    evaluate: NotNegative | None = None
    predict_per_image: NotNegative | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Bytes:
    """What took how much: the fit at its peak, the model file."""

    fit_peak: Count | None = None
    model_file: Count | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What a job ran on; `None` where the system does not tell."""

    processor: str | None
    cores: Positive
    memory_bytes: int | None
    system: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _JobRecord:
    """What the record of every job holds, however it ended.

    Attributes:
        job: its id, unique and fit for the name of a file.
        category: name of the data set.
        detector: name of the detector, or of the tool that wrote the maps.
        seed: of the detector.
        date: when it ended, in ISO 8601, UTC.
        settings: of the detector, without those that say where a file lies.
        sources: what the detector takes from elsewhere.
        request: what the fit was asked for; `None` of maps.
        versions: of what makes the numbers.
        machine: that it ran on.
        run: which of several folders it was read from; never in a file.
    """

    job: str
    category: str
    detector: str
    seed: Count
    date: str
    settings: dict[str, Any]
    sources: tuple[Source, ...]
    request: FitRequest | None
    versions: dict[str, str]
    machine: Machine
    run: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        values = plain(self)
        del values["run"]
        return {"schema": SCHEMA} | values


@dataclass(frozen=True, kw_only=True, slots=True)
class Record(_JobRecord):
    """The record of a job that ended well.

    Attributes:
        calibration: `None` of maps without a threshold.
        draws: for `image` and `pixel`, some figures of each bootstrap draw of test images. Draws
            of the same number are of the same images, whatever the model.
        images: of the test set, in its order.
        details: what the detector told of its fit for machines; only it knows the names.
        model_sha256: `None` of maps.
        maps_sha256: `None` of a model.
    """

    dataset: DatasetSummary
    calibration: CalibrationSummary | None
    figures: Figures
    curves: Curves
    draws: dict[str, dict[str, tuple[float | None, ...]]]
    images: tuple[ImageRow, ...]
    examples: Examples
    seconds: Seconds
    bytes: Bytes
    details: dict[str, Any]
    model_sha256: str | None = None
    maps_sha256: str | None = None
    error: None = None

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values; metadata and reasons only where there are some."""
        values = _JobRecord.to_dict(self)
        for row in values["images"]:
            for name in ("metadata", "reasons"):
                if not row[name]:
                    del row[name]
        return values

    def scores(self, label: str) -> list[float]:
        """Scores of the test images with a label (`good` or `defect`)."""
        return [row.score for row in self.images if row.label == label]

    def flagged(self, label: str) -> tuple[int, int] | None:
        """How many test images with a label do not pass, by their verdict, and of how many."""
        verdicts = [row.verdict for row in self.images if row.label == label and row.verdict]
        rejected = len(verdicts) - verdicts.count(Verdict.GOOD)
        return (rejected, len(verdicts)) if verdicts else None

    def not_inspectable(self, label: str) -> int:
        """How many test images with a label are not inspectable."""
        return sum(row.not_inspectable for row in self.images if row.label == label)


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedRecord(_JobRecord):
    """The record of a job that failed, and the reason."""

    error: str


AnyRecord = Record | FailedRecord


def from_dict(values: Mapping[str, Any]) -> AnyRecord:
    """The record that `to_dict` told of; fields of later versions are passed over.

    Raises:
        ValueError: it is no record, is of another schema, or a value is missing or odd.
    """
    import msgspec

    if not isinstance(values, Mapping) or not isinstance(values.get("job"), str):
        raise ValueError("it is no record of blemish")
    if values.get("schema") != SCHEMA:
        schema = values.get("schema")
        raise ValueError(f"it has schema {schema!r}, and this blemish reads {SCHEMA}")
    kind: type[AnyRecord] = FailedRecord if values.get("error") else Record
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"it is no whole record: {str(error).replace('`', chr(39))}") from error
