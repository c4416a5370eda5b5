"""Records of what was measured, of our models and of maps that another tool wrote.

Both are measured by the same code, and so stand in the same tables.
"""

from __future__ import annotations

import re
from pathlib import Path

from blemish.calibration import Calibration, CalibrationRequest, rate_for
from blemish.data.dataset import Dataset
from blemish.evaluation.examples import write_examples, write_map_examples
from blemish.evaluation.maps import ScoreMaps, evaluate_maps
from blemish.evaluation.measure import Evaluation, evaluate
from blemish.files import make_folder
from blemish.metrics.decisions import Thresholds
from blemish.model.model import Model
from blemish.progress import Progress
from blemish.records.findings import Examples
from blemish.records.folder import id_of, write_record
from blemish.records.machine import circumstances
from blemish.records.record import (
    Bytes,
    CalibrationSummary,
    DatasetSummary,
    ExpectedRegions,
    FitRequest,
    Record,
    Seconds,
)

MOST_BYTES_OF_NAME = 80


def evaluate_into(
    model: Model,
    dataset: Dataset,
    directory: Path,
    *,
    progress: Progress | None = None,
) -> tuple[Evaluation, Record]:
    """Measure a model, and write its record and example images for a report.

    Raises:
        DataError: there is no test image.
        ImageError: an image or mask cannot be read.
        BlemishError: the folder cannot be written.
    """
    seed = model.facts.detector.seed
    content = {"model": model.sha256, "dataset": dataset.fingerprint}
    job = id_of(dataset.name, model.detector, seed, content)
    make_folder(directory)
    evaluation = evaluate(model, dataset, progress=progress)
    examples = write_examples(model, dataset, evaluation.images, directory, name=job)
    record = make_record(
        model,
        dataset,
        evaluation,
        job=job,
        seed=seed,
        false_alarm_rate_asked=_rate_asked(model.calibration),
        examples=examples,
    )
    write_record(directory, record)
    return evaluation, record


def make_record(
    model: Model,
    dataset: Dataset,
    evaluation: Evaluation,
    *,
    job: str,
    seed: int,
    false_alarm_rate_asked: float | None,
    examples: Examples,
    fit_seconds: float | None = None,
    fit_peak_bytes: int | None = None,
) -> Record:
    """The record of a model that was measured.

    Args:
        model: that was measured.
        dataset: on which.
        evaluation: what was found.
        job: id of the job.
        seed: of the detector.
        false_alarm_rate_asked: as `fit` took it; what was reached depends on the images, too.
        examples: what `write_examples` gave.
        fit_seconds: how long the fit took, `None` where it is not known.
        fit_peak_bytes: the most memory that the fit took, `None` where it is not known.
    """
    facts, calibration = model.facts.detector, model.calibration
    request = FitRequest(
        false_alarm_rate=false_alarm_rate_asked,
        alpha=model.reader.alpha,
        smallest_region_px=calibration.smallest_region_px,
    )
    return Record(
        job=job,
        category=dataset.name,
        detector=model.detector,
        seed=seed,
        dataset=describe(dataset),
        settings=facts.settings,
        sources=facts.sources,
        details=facts.details,
        request=request,
        calibration=_summary(calibration),
        figures=evaluation.figures(),
        curves=evaluation.curves,
        draws=evaluation.draws,
        images=evaluation.images,
        examples=examples,
        seconds=Seconds(fit=fit_seconds, **evaluation.seconds),
        bytes=Bytes(fit_peak=fit_peak_bytes, model_file=model.size_bytes),
        model_sha256=model.sha256,
        **circumstances(),
    )


def evaluate_maps_into(
    maps: ScoreMaps,
    dataset: Dataset,
    directory: Path,
    *,
    name: str,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Evaluation, Record]:
    """Measure maps, and write their record for a report.

    Args:
        maps: of the test images of the data set.
        dataset: that they belong to.
        directory: to write to.
        name: of the tool: the detector of the record.
        seed: that its run had; runs that differ in nothing else are one row.
        progress: where to tell how far it is.

    Raises:
        DataError: an image has no map or several, or maps cannot be used.
        ImageError: a mask cannot be read.
        BlemishError: the folder cannot be written.
    """
    make_folder(directory)
    evaluation = evaluate_maps(maps, progress=progress)
    settings = _settings(maps)
    content = {"maps": maps.fingerprint, "dataset": dataset.fingerprint, "settings": settings}
    slug = re.sub(r"[^\w.-]", "_", name).encode()[:MOST_BYTES_OF_NAME].decode(errors="ignore")
    job = id_of(dataset.name, slug, seed, content)
    record = Record(
        job=job,
        category=dataset.name,
        detector=name,
        seed=seed,
        dataset=describe(dataset),
        settings=settings,
        sources=(),
        details={},
        request=None,
        calibration=_set_by_the_user(maps.thresholds),
        figures=evaluation.figures(),
        curves=evaluation.curves,
        draws=evaluation.draws,
        images=evaluation.images,
        examples=write_map_examples(maps, evaluation.images, directory, name=job),
        seconds=Seconds(**evaluation.seconds),
        bytes=Bytes(),
        maps_sha256=maps.fingerprint,
        **circumstances(),
    )
    write_record(directory, record)
    return evaluation, record


def describe(dataset: Dataset) -> DatasetSummary:
    """What a record tells of its data set."""
    good = [sample for sample in dataset.test if sample.label == "good"]
    return DatasetSummary(
        name=dataset.name,
        layout=dataset.layout,
        fingerprint=dataset.fingerprint,
        train_good=len(dataset.train),
        test_good=len(good),
        test_defect=len(dataset.test) - len(good),
        notes=tuple(dataset.notes),
    )


def _summary(calibration: Calibration) -> CalibrationSummary:
    told = calibration.to_dict()
    regions = told.pop("false_regions")
    return CalibrationSummary(**told, false_regions=regions and ExpectedRegions(**regions))


def _rate_asked(calibration: Calibration) -> float | None:
    """The rate that a model was asked for; `None` where it is what the default comes to."""
    by_default = CalibrationRequest(tail=calibration.tails is not None)
    default = rate_for(by_default, len(calibration.scores))
    return None if calibration.false_alarm_rate == default else calibration.false_alarm_rate


def _settings(maps: ScoreMaps) -> dict[str, str | float | None]:
    """How the maps were measured, which moves figures as a detector's settings do."""
    return {
        "maps": "as written" if not maps.resize else "resized",
        "image_score": "maximum of the map" if maps.scores is None else "as listed",
        "threshold": maps.thresholds.image,
        "pixel_threshold": maps.thresholds.pixel,
    }


def _set_by_the_user(thresholds: Thresholds) -> CalibrationSummary | None:
    """What stands where a model has its calibration; `None` without a threshold."""
    if thresholds == Thresholds():
        return None
    return CalibrationSummary(
        method="set by the user",
        image_threshold=thresholds.image,
        pixel_threshold=thresholds.pixel,
    )
