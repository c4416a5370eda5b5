"""Records of maps that another tool wrote, so that they stand in the tables of our own."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from blemish.benchmark.plan import id_of
from blemish.benchmark.records import Record, describe, heading, write_record
from blemish.data.dataset import Dataset
from blemish.evaluation import Evaluation, ScoreMaps, evaluate_maps, write_map_examples
from blemish.files import make_folder
from blemish.metrics.decisions import Thresholds
from blemish.model.fitting import versions
from blemish.progress import Progress
from blemish.records.machine import machine

MOST_BYTES_OF_NAME = 80


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
    record = heading(job, dataset.name, name, seed) | {
        "dataset": describe(dataset),
        "settings": settings,
        "sources": [],
        "details": {},
        "asked": None,
        "calibration": _thresholds(maps.thresholds),
        "figures": evaluation.figures(),
        "curves": evaluation.curves,
        "draws": evaluation.draws,
        "images": evaluation.images,
        "examples": write_map_examples(maps, evaluation.images, directory, name=job),
        "seconds": {"fit": None, **evaluation.seconds},
        "bytes": {},
        "versions": {"blemish": metadata.version("blemish")} | versions(),
        "machine": machine(),
        "model_sha256": None,
        "maps_sha256": maps.fingerprint,
    }
    write_record(directory, record)
    return evaluation, record


def _settings(maps: ScoreMaps) -> dict[str, str | float | None]:
    """How the maps were measured, which moves figures as a detector's settings do."""
    return {
        "maps": "as written" if not maps.resize else "resized",
        "image_score": "maximum of the map" if maps.scores is None else "as listed",
        "threshold": maps.thresholds.image,
        "pixel_threshold": maps.thresholds.pixel,
    }


def _thresholds(thresholds: Thresholds) -> dict[str, str | float | None] | None:
    """What stands where a model has its calibration; `None` without a threshold."""
    if thresholds == Thresholds():
        return None
    return {
        "method": "set by the user",
        "image_threshold": thresholds.image,
        "pixel_threshold": thresholds.pixel,
    }
