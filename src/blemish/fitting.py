"""From a data set of good pictures to a model: fit, leave out, calibrate, assemble.

Only the good training pictures are looked at. Same pictures, settings and seed: the same model
file, byte for byte, on the same machine.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from blemish.detectors.base import Detector, DetectorSettings, Fitted
from blemish.errors import CalibrationError, DataError, ImageError
from blemish.images.header import DEFAULT_LIMITS, ReadLimits
from blemish.images.read import Alpha
from blemish.model import Failure, Model, assemble, calibration_facts
from blemish.progress import LoggedProgress, Progress

VERSIONS_OF = ("numpy", "onnx", "onnxruntime", "pillow")
FEWEST_PICTURES = 2
HELD_OUT = "held out"  # pictures that a model was never fitted on

# What a model file keeps of a picture that was left out: id, sha256, score, peak of its map.
Row = tuple[str, str, float, float]


def fit(
    dataset: Dataset,
    detector: Detector,
    *,
    false_alarm_rate: float | None = None,
    smallest_region_px: int = SMALLEST_REGION_PX,
    alpha: Alpha = "refuse",
    limits: ReadLimits = DEFAULT_LIMITS,
    progress: Progress | None = None,
    folder: Path | None = None,
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
        folder: where a detector that works long keeps what it has done so far; what is there from a
            fit that was interrupted is gone on with. To be deleted when the model is saved.

    Raises:
        DataError: fewer than 2 training pictures, or of mixed depth.
        ImageError: a training picture cannot be read.
        CalibrationError: so few pictures cannot promise the rate (told before the fit).
    """
    progress = progress or LoggedProgress()
    check_promise(dataset, false_alarm_rate, detector=detector)
    samples = dataset.train
    images = GoodPictures(samples, alpha=alpha, limits=limits)
    fitted = detector.fit(images, progress=progress, folder=folder)
    try:
        left_out = _left_out_rows(fitted, images.samples, progress)
    finally:
        fitted.close()
    scored = _one_a_key(left_out, [s for s in images.samples if s.id in left_out])
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
    facts["training"] |= {
        "left_out": fitted.left_out_method,
        "pictures": [
            list(left_out.get(s.id, (s.id, s.sha256, None, None))) for s in images.samples
        ],
    }
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

    Pictures that the model was fitted on count with the score that they had when left out, or not
    at all if they never were; others are scored now. Test pictures stay untouched.

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
    known = {row[1]: row for row in model.facts["training"]["pictures"]}
    samples = _not_only_trained_on(dataset, known, progress)
    check_promise(replace(dataset, samples=samples), false_alarm_rate)
    fresh = {s.id: s for s in samples if s.sha256 not in known}
    scored_now = _score(model, list(fresh.values()), limits, progress)
    rows = {s.id: scored_now[s.id] if s.id in fresh else _row(known[s.sha256]) for s in samples}
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


def check_promise(
    dataset: Dataset, rate: float | None = None, *, detector: Detector | None = None
) -> int:
    """How many training pictures count for a promise: copies, and those of a group, count as one.

    Args:
        dataset: its training split counts.
        rate: of false alarms, to be promised.
        detector: only pictures that it will leave out count; without one, all.

    Raises:
        DataError: fewer than 2 pictures.
        CalibrationError: they cannot promise the rate.
    """
    keys = [sample.split_key for sample in dataset.train]
    all_count = len(set(keys))
    if all_count < FEWEST_PICTURES:
        raise DataError(
            f"'{dataset.name}' has {len(dataset.train)} good pictures to learn from, {all_count} "
            f"that are no copies or of one group; at least {FEWEST_PICTURES} are needed, and 99 "
            "for a false-alarm rate of 1 %."
        )
    count = detector.calibration_pictures(keys) if detector else all_count
    if rate is not None:
        _check_rate(count, all_count, rate)
    return count


def _check_rate(count: int, all_count: int, rate: float) -> None:
    """Raise `CalibrationError` where the pictures left out cannot promise a rate, but all could."""
    try:
        check_rate(count, rate)
    except CalibrationError as error:
        if count == all_count or not lowest_rate(all_count) <= rate < 1:
            raise
        raise CalibrationError(
            f"{error} These are held out of the fit; if each of all {all_count} is left out in "
            "turn (calibration_folds=5), that rate can be promised."
        ) from error


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
            "settings": _portable(detector.settings),
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


def _left_out_rows(fitted: Fitted, samples: Sequence[Sample], progress: Progress) -> dict[str, Row]:
    """Rows of the pictures that were left out, by their ids."""
    sha256 = {sample.id: sample.sha256 for sample in samples}
    return {
        result.name: (result.name, sha256[result.name], result.score, result.peak)
        for result in fitted.left_out(progress=progress)
    }


def _not_only_trained_on(
    dataset: Dataset, known: Mapping[str, Sequence[Any]], progress: Progress
) -> tuple[Sample, ...]:
    """The training split less what a model was fitted on without ever leaving it out."""
    seen = {sha256 for sha256, row in known.items() if row[2] is None}
    kept = tuple(sample for sample in dataset.train if sample.sha256 not in seen)
    if len(kept) < len(dataset.train):
        progress.say(
            f"{len(dataset.train) - len(kept)} pictures do not count: the model was fitted on "
            "them, so their scores are not those of new ones."
        )
    return kept


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


def _one_a_key(rows: Mapping[str, Row], samples: Sequence[Sample]) -> list[Row]:
    """One row for pictures that belong together (copies, a group), with the largest score of each.

    They are one draw from the line, not several: counting each would promise too much.
    """
    together: dict[str, list[Row]] = {}
    for sample in samples:
        together.setdefault(sample.split_key, []).append(rows[sample.id])
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
    if not trained or left_out == HELD_OUT:
        return HELD_OUT
    return f"{left_out} ({trained}), {HELD_OUT} ({fresh})"


def _portable(settings: DetectorSettings) -> dict[str, Any]:
    """Settings without the folders of the machine they were used on."""
    files = settings.names_of_files()
    return {
        name: Path(value).name if name in files and isinstance(value, str) else value
        for name, value in settings.to_dict().items()
    }
