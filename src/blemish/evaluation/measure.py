"""Judge all test images, and gather what follows into one `Evaluation`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

from blemish.data.dataset import Dataset
from blemish.data.sample import Sample
from blemish.errors import DataError, ImageError
from blemish.evaluation import figures
from blemish.evaluation.notes import (
    cut_off_notes,
    elsewhere_notes,
    inspectable_notes,
    seen_notes,
    unlike_notes,
    zones_notes,
)
from blemish.images.header import READER, Reader
from blemish.metrics.bootstrap import Draws, image_draws, pixel_draws, resample
from blemish.metrics.catalogue import Level, figures_of
from blemish.metrics.decisions import Thresholds
from blemish.metrics.intervals import intervals
from blemish.metrics.pixels import PixelScores
from blemish.metrics.ranking import RankCounts
from blemish.metrics.regions import describe_regions
from blemish.metrics.tables import tabulate
from blemish.model.model import Model
from blemish.progress import LoggedProgress, Progress
from blemish.records.findings import Curves, Figures, FiguresOfOne, ImageRow, Interval, Regions
from blemish.result import GOOD, Failure, Prediction

Intervals = dict[str, Interval | None]
Judged = tuple[Sample, Prediction]

DECIMALS = 5  # of what is kept


@dataclass(frozen=True)
class Evaluation:
    """Figures of a model on a data set.

    Attributes:
        image, pixel: the figures of `metrics.catalogue` by their names, and `f1_max_threshold`, at
            which F1-max is reached; `None` where undefined.
        per_type: for each defect type, against the good test images, its number of `images`, and
            the figures by their keys, as `image_auroc`.
        curves: ROC curves of images and pixels, and the PRO curve.
        images: what the model said of each image, with its label and its `aupimo`.
        intervals: for `image` and `pixel`, low and high end of figures, 95 % over the choice of
            test images; `None` where there is none (see `metrics.intervals`).
        draws: for `image` and `pixel`, some figures of each bootstrap draw of test images. Draws
            of the same number are of the same images, whatever the model.
        regions: how many regions the masks have and how many were found.
        undefined: for each figure that is `None`, as `pixel.aupimo`, the reason.
        notes: sentences without which the figures would be misread.
        seconds: `evaluate` for all, `predict_per_image` for the graph alone, where one ran.
    """

    image: FiguresOfOne
    pixel: FiguresOfOne
    per_type: dict[str, FiguresOfOne]
    curves: Curves
    images: tuple[ImageRow, ...]
    intervals: dict[str, Intervals] = field(default_factory=dict)
    draws: dict[str, dict[str, tuple[float | None, ...]]] = field(default_factory=dict)
    regions: Regions | None = None
    undefined: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    def figures(self) -> Figures:
        """All figures as a record holds them, without curves and images."""
        return Figures(**{part.name: getattr(self, part.name) for part in fields(Figures)})


def tested(dataset: Dataset) -> tuple[Sample, ...]:
    """The test images of a data set. Raises `DataError` where there are none."""
    if not dataset.test:
        raise DataError(
            f"'{dataset.name}' has no test images (layout {dataset.layout}); figures need some."
        )
    return dataset.test


def evaluate(
    model: Model,
    dataset: Dataset,
    *,
    progress: Progress | None = None,
) -> Evaluation:
    """Judge all test images and measure.

    Raises:
        DataError: there is no test image.
        ImageError: an image or mask cannot be read, or a score is not a number.
    """
    samples = tested(dataset)
    calibration = model.calibration
    thresholds = Thresholds(calibration.image_threshold, calibration.pixel_threshold)
    judged = _judged(model, samples)
    found = measure(
        judged,
        len(samples),
        thresholds,
        reader=model.reader,
        progress=progress,
        counted=model.inspected,
    )
    took = float(np.median([row.seconds or 0.0 for row in found.images]))
    return replace(
        found,
        notes=(
            *zones_notes(model),
            *seen_notes(model, samples),
            *inspectable_notes(found.images),
            *unlike_notes(found.images),
            *found.notes,
        ),
        seconds=found.seconds | {"predict_per_image": took},
    )


def _judged(model: Model, samples: Sequence[Sample]) -> Iterator[Judged]:
    """What the model says of each image. Raises `ImageError` for the first it cannot judge."""
    results = model.predict_each(samples)
    for sample, result in zip(samples, results, strict=True):
        if isinstance(result, Failure):
            raise ImageError(result.error)
        yield sample, result


def measure(
    judged: Iterable[Judged],
    images: int,
    thresholds: Thresholds,
    *,
    reader: Reader = READER,
    progress: Progress | None = None,
    counted: Callable[[Prediction], NDArray[np.bool_] | None] | None = None,
) -> Evaluation:
    """Measure what was said of test images, by whatever judged them.

    Args:
        judged: the images, and what was said of each; its map is of the image's size.
        images: how many there will be.
        thresholds: of the scores; figures that need one that is not there are `None`.
        reader: how masks are read.
        progress: where to tell how far it is.
        counted: which pixels of an image count, `None` for all; by default all do. The others do
            nowhere, and an image whose defects lie there alone does not either.

    Raises:
        ImageError: a mask cannot be read, or a score is not a number.
    """
    progress = progress or LoggedProgress()
    start = time.perf_counter()
    rows: list[ImageRow] = []
    elsewhere = 0
    with PixelScores(thresholds.pixel) as pixels:
        with progress.stage("evaluate", images) as advance:
            for sample, result in judged:
                if _add_pixels(pixels, sample, result, reader, counted and counted(result)):
                    rows.append(_row(sample, result))
                else:
                    elsewhere += 1
                advance(1)
        found = _measure(rows, pixels, thresholds)
    return replace(
        found,
        notes=(*elsewhere_notes(elsewhere), *found.notes),
        seconds={"evaluate": time.perf_counter() - start},
    )


def _add_pixels(
    pixels: PixelScores,
    sample: Sample,
    result: Prediction,
    reader: Reader,
    counted: NDArray[np.bool_] | None,
) -> bool:
    """Add an image's pixels, unless no mask says which of them are defective.

    Returns:
        Whether the image counts: it does not where its defects lie where no pixel does.
    """
    height, width = result.score_map.shape
    mask = sample.read_mask((height, width), reader)
    if mask is None:
        return True
    if counted is not None and mask.any() and not (mask & counted).any():
        return False
    try:
        pixels.add(
            result.score_map,
            mask,
            name=sample.id,
            kind=sample.defect_type,
            saturating=sample.saturating((height, width), reader),
            counted=counted,
        )
    except ValueError as error:
        raise ImageError(f"{error}.") from error
    return True


def _row(sample: Sample, result: Prediction) -> ImageRow:
    if not math.isfinite(result.score):
        raise ImageError(f"{sample.id}: its score is not a finite number (NaN or infinite).")
    return ImageRow(
        path=sample.id,
        label=sample.label,
        defect_type=sample.defect_type,
        score=result.score,
        p_value=result.p_value,
        tail_p_value=result.tail_p_value,
        verdict=result.verdict,
        regions=result.regions,
        notes=result.notes,
        reasons=result.reasons,
        seconds=result.seconds,
        metadata=sample.metadata,
    )


def _measure(rows: Sequence[ImageRow], pixels: PixelScores, thresholds: Thresholds) -> Evaluation:
    """All figures of images that were judged; pixels are those of images with masks."""
    counts, threshold = pixels.count(), thresholds.image
    images = figures.rank_images(rows)
    image, pixel = figures.image_figures(rows, threshold), figures.pixel_figures(pixels, counts)
    defective = np.array([row.label != GOOD for row in rows])
    tables = tabulate(pixels, counts)
    image_drawn = image_draws(
        [row.score for row in rows],
        defective,
        threshold,
        resample(defective),
        rejected=[row.not_inspectable for row in rows],
    )
    pixel_drawn = pixel_draws(tables, resample(tables.defective), pixel)
    aupimo = {
        its.name: value for its, value in zip(pixels.images, pixels.aupimo(counts), strict=True)
    }
    return Evaluation(
        image=image,
        pixel=pixel,
        per_type=figures.figures_per_type(rows, threshold, pixels, counts),
        curves=figures.curves(images, counts),
        images=tuple(replace(row, aupimo=aupimo.get(row.path)) for row in rows),
        intervals={
            "image": _intervals("image", image, image_drawn, defective),
            "pixel": _intervals("pixel", pixel, pixel_drawn, tables.defective),
        },
        draws={"image": _kept("image", image_drawn), "pixel": _kept("pixel", pixel_drawn)},
        regions=describe_regions(pixels.regions()),
        undefined=figures.why_undefined(image, pixel, images, counts, thresholds),
        notes=(
            *_notes(images, len(rows) - len(pixels.images)),
            *cut_off_notes(rows, counts.whole.ranks),
        ),
    )


def _intervals(
    level: Level, exact: FiguresOfOne, draws: Draws, defective: NDArray[np.bool_]
) -> Intervals:
    defects = int(np.count_nonzero(defective))
    return intervals(exact, draws, level=level, good=len(defective) - defects, defective=defects)


def _kept(level: Level, draws: Draws) -> dict[str, tuple[float | None, ...]]:
    """Draws of the figures that are compared, as plain JSON values."""

    def rounded(value: float) -> float | None:
        return round(value, DECIMALS) if math.isfinite(value) else None

    return {
        figure.name: tuple(map(rounded, draws[figure.name].tolist()))
        for figure in figures_of(level)
        if figure.compared
    }


def _notes(images: RankCounts, unmasked: int) -> list[str]:
    notes = []
    if not images.positives.any():
        notes.append("There is no defect among the test images: figures that need one are empty.")
    if not images.negatives:
        notes.append("There is no good test image: figures that need one are empty.")
    if unmasked:
        notes.append(f"Pixel figures leave out {unmasked} defect images without a mask.")
    return notes
