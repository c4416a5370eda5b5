"""Records: what a job found, under which conditions, as one JSON file a job.

A record holds plain JSON values and no path of the machine. It is written whole or not at all; a
job that failed leaves one too, with its `error` and without figures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from blemish.benchmark.plan import Job, id_of
from blemish.calibration import Asked, Calibration, rate_for
from blemish.data.dataset import Dataset
from blemish.errors import DataError
from blemish.evaluation import Evaluation, evaluate, write_examples
from blemish.files import make_folder, write_whole
from blemish.model.fitting import versions
from blemish.model.model import Model
from blemish.names import all_shown
from blemish.progress import Progress
from blemish.records.machine import machine

SCHEMA = 1
FOLDER = "records"

Record = dict[str, Any]


def make_record(
    model: Model,
    dataset: Dataset,
    evaluation: Evaluation,
    *,
    job: str,
    seed: int,
    false_alarm_rate_asked: float | None,
    examples: Mapping[str, Any],
    seconds: Mapping[str, float | None],
    fit_peak_bytes: int | None,
) -> Record:
    """The record of a job that ended well.

    Args:
        model: that was measured.
        dataset: on which.
        evaluation: what was found.
        job: id of the job.
        seed: of the detector.
        false_alarm_rate_asked: as `fit` took it; what was reached hangs on the images, too.
        examples: what `write_examples` gave.
        seconds: what took long besides evaluating: `fit`, `None` where it is not known.
        fit_peak_bytes: the most memory that the fit took, `None` where it is not known.
    """
    facts = model.facts.detector
    return heading(job, dataset.name, model.detector, seed) | {
        "dataset": describe(dataset),
        "settings": facts.settings,
        "sources": [asdict(source) for source in facts.sources],
        "details": facts.details,
        "asked": {
            "false_alarm_rate": false_alarm_rate_asked,
            "alpha": model.reader.alpha,
            "smallest_region_px": model.calibration.smallest_region_px,
        },
        "calibration": model.calibration.to_dict(),
        "figures": evaluation.figures(),
        "curves": evaluation.curves,
        "draws": evaluation.draws,
        "images": evaluation.images,
        "examples": dict(examples),
        "seconds": {"fit": None, **evaluation.seconds, **seconds},
        "bytes": {
            "fit_peak": fit_peak_bytes,
            "model_file": model.size_bytes,
        },
        "versions": {"blemish": metadata.version("blemish")} | versions(),
        "machine": machine(),
        "model_sha256": model.sha256,
    }


def failed_record(job: Job, error: str) -> Record:
    """The record of a job that failed: what was asked for, and why there is no result."""
    return heading(job.id, job.category, job.detector, job.seed) | {
        "error": error,
        "settings": job.portable_settings(),
        "sources": job.sources,
        "asked": job.asked,
        "versions": {"blemish": metadata.version("blemish")} | versions(),
        "machine": machine(),
    }


def write_record(directory: Path, record: Record) -> Path:
    """Write a record to `records/<job>.json` below a folder, whole, in place of an earlier one.

    Raises:
        BlemishError: the folder cannot be written, or the disk is full.
    """
    path = record_path(directory, record["job"])
    make_folder(path.parent)
    write_whole(path, json.dumps(all_shown(record), allow_nan=False) + "\n")
    return path


def record_path(directory: Path, job: str) -> Path:
    """Where the record of a job is."""
    return directory / FOLDER / f"{job}.json"


def read_records(directory: Path) -> list[Record]:
    """All records below a folder, sorted by job; none where there is no such folder.

    Raises:
        DataError: a file among them is damaged, no record, or of a newer schema, or the folder
            cannot be listed.
    """
    folder = directory / FOLDER
    try:
        paths = [path for path in folder.iterdir() if _is_record(path.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(f"Folder '{folder}' cannot be listed: {error.strerror}.") from error
    return sorted(map(read_record, paths), key=lambda record: str(record["job"]))


def read_record(path: Path) -> Record:
    """One record. Raises `DataError` where it is damaged, none, or of a newer schema."""
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"Cannot read record '{path}': {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"'{path}' is damaged: it is not JSON. Delete it to go on.") from error
    if not isinstance(record, dict) or not isinstance(record.get("job"), str):
        raise DataError(f"'{path}' is no record of blemish; move it elsewhere to go on.")
    schema = record.get("schema")
    if not isinstance(schema, int) or not 1 <= schema <= SCHEMA:
        raise DataError(
            f"'{path}' has schema {schema!r}; this blemish reads up to {SCHEMA}. "
            "Install a newer blemish, or move the file elsewhere."
        )
    return record


def _is_record(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")


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
    seed = int(model.facts.detector.settings.get("seed", 0))
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
        false_alarm_rate_asked=_asked(model.calibration),
        examples=examples,
        seconds={},
        fit_peak_bytes=None,
    )
    write_record(directory, record)
    return evaluation, record


def heading(job: str, category: str, detector: str, seed: int) -> Record:
    """What every record begins with."""
    return {
        "schema": SCHEMA,
        "job": job,
        "category": category,
        "detector": detector,
        "seed": seed,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "error": None,
    }


def _asked(calibration: Calibration) -> float | None:
    """The rate that a model was asked for; `None` where it is what the default comes to."""
    by_default = Asked(tail=calibration.tails is not None)
    default = rate_for(by_default, len(calibration.scores))
    return None if calibration.false_alarm_rate == default else calibration.false_alarm_rate


def describe(dataset: Dataset) -> dict[str, Any]:
    """What a record tells of its data set."""
    good = [sample for sample in dataset.test if sample.label == "good"]
    return {
        "name": dataset.name,
        "layout": dataset.layout,
        "notes": list(dataset.notes),
        "train_good": len(dataset.train),
        "test_good": len(good),
        "test_defect": len(dataset.test) - len(good),
        "fingerprint": dataset.fingerprint,
    }
