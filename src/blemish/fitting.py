"""From a data set of good pictures to a model: fit, leave out, calibrate, assemble.

Only the good training pictures are looked at. Same pictures, settings and seed: the same model
file, byte for byte, on the same machine.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from blemish.calibration import (
    DEFAULT_RATE,
    SMALLEST_REGION_PX,
    Calibration,
    calibrate,
    check_rate,
    lowest_rate,
)
from blemish.data.dataset import Dataset, Sample
from blemish.data.loading import GoodPictures
from blemish.detectors.base import Detector, Fitted
from blemish.errors import DataError, ImageError
from blemish.images.read import DEFAULT_LIMITS, Alpha, ReadLimits
from blemish.model import Failure, Model, assemble, calibration_facts
from blemish.progress import LoggedProgress, Progress

VERSIONS_OF = ("numpy", "onnx", "onnxruntime", "pillow")
FEWEST_PICTURES = 2

# What a model file keeps of a picture that it was fitted or calibrated on.
Row = tuple[str, str, float, float]  # id, sha256, score, peak of its map


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
    check_promise(dataset, false_alarm_rate)
    samples = dataset.train
    images = GoodPictures(samples, alpha=alpha, limits=limits)
    fitted = detector.fit(images, progress=progress)
    try:
        rows = _left_out_rows(fitted, images.samples, progress)
    finally:
        fitted.close()
    scored = _one_a_key(rows, images.samples)
    calibration = _calibrate(
        scored,
        method=fitted.left_out_method,
        rate=false_alarm_rate,
        smallest_region_px=smallest_region_px,
        progress=progress,
    )
    facts = {
        **_provenance(dataset, detector, images, alpha),
        "calibration": calibration_facts(calibration, scored),
    }
    facts["detector"] |= fitted.facts
    facts["training"] |= {"left_out": fitted.left_out_method, "pictures": [list(r) for r in rows]}
    return assemble(fitted.graph, facts)


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

    Args:
        model: stays as it is.
        dataset: of good pictures.
        false_alarm_rate: by default the model's own, or the lowest that so many can promise.
        smallest_region_px: by default the model's own.
        limits: what a picture may cost.
        progress: told of stages and of what a user must hear.

    Raises:
        DataError: fewer than 2 pictures.
        CalibrationError: so few pictures cannot promise the rate.
        ImageError: a picture cannot be read.
    """
    progress = progress or LoggedProgress()
    check_promise(dataset, false_alarm_rate)
    samples = dataset.train
    known = {row[1]: row for row in model.facts["training"]["pictures"]}
    fresh = {s.id: s for s in samples if s.sha256 not in known}
    scored_now = _score(model, list(fresh.values()), limits, progress)
    rows = [scored_now[s.id] if s.id in fresh else _row(known[s.sha256]) for s in samples]
    scored = _one_a_key(rows, samples)
    old = model.calibration
    calibration = _calibrate(
        scored,
        method=_method(model, len(samples) - len(fresh), len(fresh)),
        rate=false_alarm_rate,
        default_rate=old.false_alarm_rate,
        smallest_region_px=smallest_region_px or old.smallest_region_px,
        progress=progress,
    )
    return model.with_calibration(calibration, scored)


def check_promise(dataset: Dataset, rate: float | None = None) -> int:
    """How many training pictures count for a promise: copies, and those of a group, count as one.

    Raises:
        DataError: fewer than 2.
        CalibrationError: they cannot promise the rate.
    """
    count = len({sample.split_key for sample in dataset.train})
    if count < FEWEST_PICTURES:
        raise DataError(
            f"'{dataset.name}' has {len(dataset.train)} good pictures to learn from, {count} that "
            f"are no copies or of one group; at least {FEWEST_PICTURES} are needed, and 99 for a "
            "false-alarm rate of 1 %."
        )
    if rate is not None:
        check_rate(count, rate)
    return count


def versions() -> dict[str, str]:
    """Versions of what makes the numbers."""
    return {"python": platform.python_version()} | {n: metadata.version(n) for n in VERSIONS_OF}


def _provenance(
    dataset: Dataset, detector: Detector, images: GoodPictures, alpha: Alpha
) -> dict[str, Any]:
    """What a model file says of where it comes from, before anything is fitted."""
    picture_format = images.picture_format
    return {
        "blemish": metadata.version("blemish"),
        "versions": versions(),
        "detector": {
            "name": detector.name,
            "settings": _portable(detector.settings.to_dict()),
        },
        "input": {
            "format": {
                "bit_depth": picture_format.bit_depth,
                "white_level": picture_format.white_level,
            },
            "alpha": alpha,
        },
        "training": {"dataset": dataset.name, "layout": dataset.layout},
    }


def _left_out_rows(fitted: Fitted, samples: Sequence[Sample], progress: Progress) -> list[Row]:
    left_out = {result.name: result for result in fitted.left_out(progress=progress)}
    return [
        (sample.id, sample.sha256, left_out[sample.id].score, left_out[sample.id].peak)
        for sample in samples
    ]


def _score(
    model: Model, samples: Sequence[Sample], limits: ReadLimits, progress: Progress
) -> dict[str, Row]:
    rows = {}
    with progress.stage("scoring", len(samples)) as advance:
        results = model.predict_each(samples, limits=limits)
        for sample, result in zip(samples, results, strict=True):
            if isinstance(result, Failure):
                raise ImageError(result.error)
            peak = float(result.score_map.max())
            rows[sample.id] = (sample.id, sample.sha256, result.score, peak)
            advance(1)
    return rows


def _one_a_key(rows: Sequence[Row], samples: Sequence[Sample]) -> list[Row]:
    """One row for pictures that belong together (copies, a group), with the largest score of each.

    They are one draw from the line, not several: counting each would promise too much.
    """
    together: dict[str, list[Row]] = {}
    for row, sample in zip(rows, samples, strict=True):
        together.setdefault(sample.split_key, []).append(row)
    return [
        (same[0][0], same[0][1], max(row[2] for row in same), max(row[3] for row in same))
        for same in together.values()
    ]


def _calibrate(
    rows: Sequence[Row],
    *,
    method: str,
    rate: float | None,
    smallest_region_px: int,
    progress: Progress,
    default_rate: float = DEFAULT_RATE,
) -> Calibration:
    """Thresholds for a rate; without one, for the default or the lowest, and the user hears it."""
    if rate is None:
        rate = max(default_rate, lowest_rate(len(rows)))
        if rate > default_rate:
            progress.say(
                f"{len(rows)} good pictures cannot promise a false-alarm rate of {default_rate:g}; "
                f"thresholds are set for {rate:.2g}."
            )
    return calibrate(
        [row[2] for row in rows],
        [row[3] for row in rows],
        method=method,
        false_alarm_rate=rate,
        smallest_region_px=smallest_region_px,
    )


def _row(stored: Sequence[Any]) -> Row:
    name, sha256, score, peak = stored
    return name, sha256, float(score), float(peak)


def _method(model: Model, trained: int, fresh: int) -> str:
    left_out: str = model.facts["training"]["left_out"]
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
