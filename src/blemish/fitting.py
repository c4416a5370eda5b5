"""From a data set of good pictures to a model: fit, leave out, calibrate, assemble.

Only the good training pictures are looked at. Same pictures, settings and seed: the same model
file, byte for byte, on the same machine.
"""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from blemish.calibration import SMALLEST_REGION_PX, calibrate
from blemish.data.dataset import Dataset
from blemish.data.loading import GoodPictures
from blemish.detectors.base import Detector
from blemish.errors import CalibrationError, DataError
from blemish.images.read import DEFAULT_LIMITS, Alpha, ReadLimits
from blemish.model import Failure, Model, assemble, calibration_facts
from blemish.progress import LoggedProgress, Progress

VERSIONS_OF = ("numpy", "onnx", "onnxruntime", "pillow")


def fit(
    dataset: Dataset,
    detector: Detector,
    *,
    false_alarm_rate: float | None = None,
    smallest_region_px: int = SMALLEST_REGION_PX,
    alpha: Alpha = "refuse",
    limits: ReadLimits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> Model:
    """Learn from the good training pictures of a data set and set the thresholds from them.

    Args:
        dataset: its training split is used, nothing else.
        detector: `PatchCore(...)`, say.
        false_alarm_rate: share of good pictures that may be rejected; by default 0.01, or the
            lowest that so many pictures can promise.
        smallest_region_px: regions of fewer pixels are not shown.
        alpha: what to do with transparency that hides something; the model remembers it.
        limits: what a picture may cost.
        progress: told of stages and of what a user must hear.

    Raises:
        DataError: fewer than 2 training pictures, or of mixed depth.
        ImageError: a training picture cannot be read.
        CalibrationError: so few pictures cannot promise the rate (told before the fit).
    """
    progress = progress or LoggedProgress()
    samples = dataset.train
    if len(samples) < 2:
        raise DataError(
            f"'{dataset.name}' has {len(samples)} good picture to learn from; at least 2 are "
            "needed, and 99 for a false-alarm rate of 1 %."
        )
    check_promise(len(samples), false_alarm_rate)
    images = GoodPictures(samples, alpha=alpha, limits=limits)
    fitted = detector.fit(images, progress=progress)
    try:
        left_out = {result.name: result for result in fitted.left_out(progress=progress)}
        rows = [
            (sample.id, sample.sha256, left_out[sample.id].score, left_out[sample.id].peak)
            for sample in images.samples
        ]
        calibration = calibrate(
            [row[2] for row in rows],
            [row[3] for row in rows],
            method=fitted.left_out_method,
            false_alarm_rate=false_alarm_rate,
            smallest_region_px=smallest_region_px,
        )
        if false_alarm_rate is None and calibration.false_alarm_rate > 0.01:
            progress.say(
                f"{len(rows)} good pictures cannot promise a false-alarm rate of 0.01; "
                f"thresholds are set for {calibration.false_alarm_rate:.2g}."
            )
        facts = {
            "blemish": metadata.version("blemish"),
            "detector": {
                "name": detector.name,
                "settings": _portable(detector.settings.to_dict()),
                **fitted.facts,
            },
            "input": {
                "format": {
                    "bit_depth": images.picture_format.bit_depth,
                    "white_level": images.picture_format.white_level,
                },
                "alpha": alpha,
            },
            "training": {
                "dataset": dataset.name,
                "layout": dataset.layout,
                "pictures": [[*row] for row in rows],
            },
            "calibration": calibration_facts(calibration, rows),
            "versions": versions(),
        }
        return assemble(fitted.graph, facts)
    finally:
        fitted.close()


def check_promise(pictures: int, rate: float | None) -> None:
    """Raise `CalibrationError` where so many pictures cannot promise a rate."""
    if rate is not None:
        calibrate([0.0] * pictures, [0.0] * pictures, method="", false_alarm_rate=rate)


def recalibrate(
    model: Model,
    dataset: Dataset,
    *,
    false_alarm_rate: float | None = None,
    smallest_region_px: int | None = None,
    limits: ReadLimits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> Model:
    """Set new thresholds from the good training pictures of a data set, without fitting again.

    Pictures that the model was fitted on count with the score that they had when left out; others
    are scored now. Test pictures stay untouched.

    Raises:
        CalibrationError: so few pictures cannot promise the rate.
        ImageError: a picture cannot be read.
    """
    progress = progress or LoggedProgress()
    known = {row[1]: row for row in model.facts["training"]["pictures"]}
    good = dataset.train
    check_promise(len(good), false_alarm_rate)
    rows = [known[sample.sha256] for sample in good if sample.sha256 in known]
    fresh = [sample for sample in good if sample.sha256 not in known]
    with progress.stage("scoring", len(fresh)) as advance:
        results = model.predict_each([sample.path for sample in fresh], limits=limits)
        for sample, result in zip(fresh, results, strict=True):
            if isinstance(result, Failure):
                raise CalibrationError(result.error)
            peak = float(result.score_map.max())
            rows.append([sample.id, sample.sha256, result.score, peak])
            advance(1)
    region = smallest_region_px
    if region is None:
        region = model.calibration.smallest_region_px
    calibration = calibrate(
        [row[2] for row in rows],
        [row[3] for row in rows],
        method=_method(model, len(rows) - len(fresh), len(fresh)),
        false_alarm_rate=false_alarm_rate,
        smallest_region_px=region,
    )
    return model.with_calibration(calibration, rows)


def versions() -> dict[str, str]:
    """Versions of what makes the numbers."""
    return {"python": platform.python_version()} | {n: metadata.version(n) for n in VERSIONS_OF}


def _method(model: Model, trained: int, fresh: int) -> str:
    left_out: str = model.facts["calibration"]["method"]
    if not fresh:
        return left_out
    return f"{left_out} ({trained}), held out ({fresh})" if trained else "held out"


def _portable(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without the folders of the machine they were used on."""
    files = ("backbone", "weights")
    return {
        name: Path(value).name if name in files and isinstance(value, str) else value
        for name, value in settings.items()
    }
