"""A model against a labelled test set: what it says of each picture, and the figures that follow.

Figures are made from raw scores at the pictures' own resolution with the untouched masks. The
model's thresholds stay what they are: no label of a test picture moves them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from blemish.data.dataset import Dataset, Sample
from blemish.errors import DataError, ImageError
from blemish.files import make_folder, write_whole
from blemish.images.read import DEFAULT_LIMITS, ReadLimits
from blemish.metrics.decisions import Decisions, decide
from blemish.metrics.pixels import PixelScores
from blemish.metrics.ranking import (
    RankCounts,
    auroc,
    average_precision,
    f1_max,
    rank,
    roc_curve,
)
from blemish.model import Failure, Model
from blemish.progress import LoggedProgress, Progress
from blemish.result import Prediction

GOOD = "good"


@dataclass(frozen=True)
class Evaluation:
    """Figures of a model on a data set.

    Attributes:
        image, pixel: `auroc`, `ap`, `f1_max`, `f1_max_threshold`, and at the calibrated threshold
            `f1`, `false_alarm_rate`, `miss_rate`; `None` where undefined.
        per_type: for each defect type, against the good test pictures, its number of `pictures`,
            `image_auroc`, `image_ap`, `image_f1_max`, the same for `pixel_`, and at the calibrated
            threshold `f1` and `miss_rate`.
        curves: `image_roc` and `pixel_roc`, `false_alarm_rate` and `recall` each.
        pictures: what the model said of each picture, with its label.
        notes: sentences without which the figures would be misread.
        seconds: `evaluate` for all, `predict_per_picture` for the graph alone.
    """

    image: dict[str, float | None]
    pixel: dict[str, float | None]
    per_type: dict[str, dict[str, float | None]]
    curves: dict[str, dict[str, list[float]] | None]
    pictures: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def figures(self) -> dict[str, Any]:
        """All figures as plain JSON values, without curves and pictures."""
        return {
            "image": self.image,
            "pixel": self.pixel,
            "per_type": self.per_type,
            "notes": self.notes,
        }


def evaluate(
    model: Model,
    dataset: Dataset,
    *,
    limits: ReadLimits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> Evaluation:
    """Judge all test pictures and measure.

    Raises:
        DataError: there is no test picture.
        ImageError: a picture or mask cannot be read.
    """
    progress = progress or LoggedProgress()
    samples = dataset.test
    if not samples:
        raise DataError(
            f"'{dataset.name}' has no test pictures (layout {dataset.layout}); figures need some."
        )
    start = time.perf_counter()
    rows: list[dict[str, Any]] = []
    unmasked = 0
    with PixelScores(model.calibration.pixel_threshold) as pixels:
        results = model.predict_each(samples, limits=limits)
        with progress.stage("evaluate", len(samples)) as advance:
            for sample, result in zip(samples, results, strict=True):
                if isinstance(result, Failure):
                    raise ImageError(result.error)
                unmasked += not _add_pixels(pixels, sample, result, limits)
                rows.append(_row(sample, result))
                advance(1)
        pixel_counts, pixel_decisions = pixels.count(), pixels.decisions()
    threshold = model.calibration.image_threshold
    whole = _sum(pixel_counts.values())
    images = rank([row["score"] for row in rows], [row["label"] != GOOD for row in rows])
    seconds = [float(row["seconds"]) for row in rows]
    return Evaluation(
        image=_figures(images, _decide_images(rows, threshold)),
        pixel=_figures(whole, sum(pixel_decisions.values(), Decisions())),
        per_type=_per_type(rows, threshold, pixel_counts),
        curves={"image_roc": _curve(images), "pixel_roc": _curve(whole)},
        pictures=rows,
        notes=_notes(images, unmasked, _learned_from(model, samples)),
        seconds={
            "evaluate": time.perf_counter() - start,
            "predict_per_picture": float(np.median(seconds)),
        },
    )


def write_examples(
    model: Model,
    dataset: Dataset,
    pictures: Sequence[dict[str, Any]],
    directory: Path,
    *,
    name: str,
    most: int = 6,
    limits: ReadLimits = DEFAULT_LIMITS,
) -> dict[str, list[dict[str, Any]]]:
    """Write pictures and heat maps of the worst decisions, for the report.

    Args:
        model: that judged them.
        dataset: where they are from.
        pictures: rows of an `Evaluation`.
        directory: of the report; files go to `examples/NAME/` below it.
        name: of the job.
        most: how many of each kind.
        limits: what a picture may cost.

    Returns:
        `false_alarms` (highest scores first), `misses` (lowest first) and `caught` (median of
        their defect types), each with the paths of `picture` and `map` relative to `directory`.
    """
    samples = {sample.id: sample for sample in dataset.test}
    folder = directory / "examples" / name
    make_folder(folder)
    chosen = _choose(pictures, most)
    examples: dict[str, list[dict[str, Any]]] = {}
    for kind, rows in chosen.items():
        examples[kind] = [
            {key: row[key] for key in ("path", "score", "defect_type")}
            | _draw(model, samples[row["path"]], folder / f"{kind}_{number}", directory, limits)
            for number, row in enumerate(rows)
        ]
    return examples


def _add_pixels(
    pixels: PixelScores, sample: Sample, result: Prediction, limits: ReadLimits
) -> bool:
    """Add a picture's pixels; false where no mask says which of them are defective."""
    height, width = result.score_map.shape
    mask = sample.read_mask((height, width), limits=limits)
    if mask is None:
        return False
    try:
        pixels.add(sample.defect_type, result.score_map, mask)
    except ValueError as error:
        raise ImageError(f"{sample.id}: {error}.") from error
    return True


def _row(sample: Sample, result: Prediction) -> dict[str, Any]:
    labels = {"label": sample.label, "defect_type": sample.defect_type}
    return result.to_dict() | labels | {"path": sample.id}


def _decide_images(rows: Sequence[dict[str, Any]], threshold: float) -> Decisions:
    return decide([r["score"] for r in rows], [r["label"] != GOOD for r in rows], threshold)


def _figures(counts: RankCounts | None, decisions: Decisions) -> dict[str, float | None]:
    best = f1_max(counts) if counts else None
    return {
        **_ranked(counts),
        "f1_max_threshold": best[1] if best else None,
        "f1": decisions.f1,
        "false_alarm_rate": decisions.false_alarm_rate,
        "miss_rate": decisions.miss_rate,
    }


def _ranked(counts: RankCounts | None) -> dict[str, float | None]:
    """The figures that need no threshold."""
    best = f1_max(counts) if counts else None
    return {
        "auroc": auroc(counts) if counts else None,
        "ap": average_precision(counts) if counts else None,
        "f1_max": best[0] if best else None,
    }


def _per_type(
    rows: Sequence[dict[str, Any]], threshold: float, pixels: dict[str, RankCounts]
) -> dict[str, dict[str, float | None]]:
    good = [row for row in rows if row["label"] == GOOD]
    table: dict[str, dict[str, float | None]] = {}
    for kind in sorted({row["defect_type"] for row in rows} - {GOOD}):
        own = [row for row in rows if row["defect_type"] == kind]
        scores = [row["score"] for row in own + good]
        counts = rank(scores, [True] * len(own) + [False] * len(good))
        pixel = _sum(pixels[name] for name in (kind, GOOD) if name in pixels)
        pixel = pixel if kind in pixels else None
        table[kind] = {
            "pictures": len(own),
            **{f"image_{name}": value for name, value in _ranked(counts).items()},
            **{f"pixel_{name}": value for name, value in _ranked(pixel).items()},
            "f1": _decide_images(own + good, threshold).f1,
            "miss_rate": _decide_images(own, threshold).miss_rate,
        }
    return table


def _sum(counts: Any) -> RankCounts | None:
    total: RankCounts | None = None
    for count in counts:
        total = count if total is None else total + count
    return total


def _curve(counts: RankCounts | None) -> dict[str, list[float]] | None:
    curve = roc_curve(counts) if counts else None
    return {"false_alarm_rate": curve[0], "recall": curve[1]} if curve else None


def _learned_from(model: Model, samples: Sequence[Sample]) -> int:
    """How many of the test pictures the model was fitted on."""
    trained = {row[1] for row in model.facts["training"]["pictures"]}
    return sum(sample.sha256 in trained for sample in samples)


def _notes(images: RankCounts, unmasked: int, learned_from: int) -> list[str]:
    notes = []
    if learned_from:
        notes.append(
            f"The model was fitted on {learned_from} of these test pictures, so the figures are "
            "better than on new ones; use the split of the fit."
        )
    if not images.positives.sum():
        notes.append("There is no defect among the test pictures: figures that need one are empty.")
    if not images.negatives:
        notes.append("There is no good test picture: figures that need one are empty.")
    if unmasked:
        notes.append(f"Pixel figures leave out {unmasked} defect pictures without a mask.")
    return notes


def _choose(rows: Sequence[dict[str, Any]], most: int) -> dict[str, list[dict[str, Any]]]:
    def ordered(label: str, verdict: str) -> list[dict[str, Any]]:
        fitting = [row for row in rows if row["label"] == label and row["verdict"] == verdict]
        return sorted(fitting, key=lambda row: (row["score"], row["path"]))

    caught: list[dict[str, Any]] = []
    found = ordered("defect", "defect")
    for kind in sorted({row["defect_type"] for row in found}):
        own = [row for row in found if row["defect_type"] == kind]
        caught.append(own[len(own) // 2])
    return {
        "false_alarms": ordered(GOOD, "defect")[::-1][:most],
        "misses": ordered("defect", GOOD)[:most],
        "caught": caught[:most],
    }


def _draw(
    model: Model, sample: Sample, stem: Path, directory: Path, limits: ReadLimits
) -> dict[str, str]:
    from blemish.images.overlay import displayable, encode_jpeg, overlay

    picture = model.read(sample, limits=limits)
    result = model.predict(picture)
    drawn = overlay(
        picture,
        result.score_map,
        threshold=model.calibration.pixel_threshold,
        regions=result.regions,
        mask=sample.read_mask((picture.shape[0], picture.shape[1]), limits=limits),
    )
    files = {}
    for kind, pixels in (("picture", displayable(picture)), ("map", drawn)):
        path = stem.with_name(f"{stem.name}_{kind}.jpg")
        write_whole(path, encode_jpeg(pixels))
        files[kind] = path.relative_to(directory).as_posix()
    return files
