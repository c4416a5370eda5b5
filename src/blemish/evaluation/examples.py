"""Images of the worst decisions of a model, or of maps at a threshold, for the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.data.dataset import Dataset
from blemish.data.sample import Sample
from blemish.evaluation.maps import ScoreMaps
from blemish.files import make_folder, write_whole
from blemish.images.header import Reader
from blemish.model.evidence import Comparisons
from blemish.model.extras import THUMBNAILS_KEY
from blemish.model.model import Model
from blemish.records.findings import Example, Examples, ImageRow
from blemish.result import GOOD, Prediction, Verdict

MOST_PAIRS, PAIR_PX = 3, 96  # patches of an example that are shown beside good ones


def write_examples(
    model: Model,
    dataset: Dataset,
    images: Sequence[ImageRow],
    directory: Path,
    *,
    name: str,
    most: int = 6,
) -> Examples:
    """Write images and heat maps of the worst decisions, for the report.

    Args:
        model: that judged them.
        dataset: where they are from.
        images: rows of an `Evaluation`.
        directory: of the report; files go to `examples/NAME/` below it.
        name: of the job.
        most: how many of each kind.

    Returns:
        False alarms (highest scores first), misses (lowest first) and some that were caught
        (median of their defect types).
    """

    def judge(sample: Sample) -> tuple[NDArray[Any], Prediction]:
        image = model.read(sample)
        return image, model.predict(image)

    threshold = model.calibration.pixel_threshold
    comparisons = Comparisons.of(model) if THUMBNAILS_KEY in model.extras else None
    folder = directory / "examples" / name
    draw = _Drawing(judge, threshold, directory, folder, model.reader, model.inspected, comparisons)
    return _write(draw, dataset.test, images, most)


def write_map_examples(
    maps: ScoreMaps,
    images: Sequence[ImageRow],
    directory: Path,
    *,
    name: str,
    most: int = 6,
) -> Examples:
    """The same of maps that another tool wrote; none without both thresholds.

    Args:
        maps: with thresholds that the user set.
        images: rows of an `Evaluation`.
        directory: of the report; files go to `examples/NAME/` below it.
        name: of the job.
        most: how many of each kind.
    """
    threshold, reader = maps.thresholds.pixel, replace(maps.reader, alpha="flatten")
    if threshold is None or maps.thresholds.image is None:
        return Examples()

    def judge(sample: Sample) -> tuple[NDArray[Any], Prediction]:
        return sample.read(reader), maps.judge(sample)[0]

    draw = _Drawing(judge, threshold, directory, directory / "examples" / name, reader)
    return _write(draw, maps.samples, images, most)


def _write(
    draw: _Drawing, test: Sequence[Sample], images: Sequence[ImageRow], most: int
) -> Examples:
    samples = {sample.id: sample for sample in test}
    make_folder(draw.folder)

    def written(kind: str, rows: Sequence[ImageRow]) -> tuple[Example, ...]:
        return tuple(
            draw(samples[row.path], row, f"{kind}_{number}") for number, row in enumerate(rows)
        )

    return Examples(**{kind: written(kind, rows) for kind, rows in _choose(images, most).items()})


def _choose(rows: Sequence[ImageRow], most: int) -> dict[str, list[ImageRow]]:
    def ordered(label: str, verdict: Verdict) -> list[ImageRow]:
        fitting = [row for row in rows if row.label == label and row.verdict == verdict]
        return sorted(fitting, key=lambda row: (row.score, row.path))

    caught: list[ImageRow] = []
    found = ordered("defect", Verdict.DEFECT)
    for kind in sorted({row.defect_type for row in found}):
        own = [row for row in found if row.defect_type == kind]
        caught.append(own[len(own) // 2])
    return {
        "false_alarms": ordered(GOOD, Verdict.DEFECT)[::-1][:most],
        "misses": ordered("defect", Verdict.GOOD)[:most],
        "caught": caught[:most],
    }


@dataclass(frozen=True)
class _Drawing:
    """Draws an image, and its map laid over it; `judge` reads the one and makes the other.

    With `comparisons` also patches beside the good ones that they were nearest to.
    """

    judge: Callable[[Sample], tuple[NDArray[Any], Prediction]]
    threshold: float
    directory: Path
    folder: Path
    reader: Reader
    inspected: Callable[[Prediction], NDArray[np.bool_] | None] | None = None
    comparisons: Comparisons | None = None

    def __call__(self, sample: Sample, row: ImageRow, stem: str) -> Example:
        """Write both files."""
        from blemish.images.overlay import displayable, encode_jpeg, overlay

        image, result = self.judge(sample)
        drawn = overlay(
            image,
            result.score_map,
            threshold=self.threshold,
            regions=result.regions,
            mask=sample.read_mask((image.shape[0], image.shape[1]), self.reader),
            inspected=self.inspected(result) if self.inspected else None,
        )
        files = {}
        for kind, pixels in (("image", displayable(image)), ("map", drawn)):
            path = self.folder / f"{stem}_{kind}.jpg"
            write_whole(path, encode_jpeg(pixels))
            files[kind] = path.relative_to(self.directory).as_posix()
        if self.comparisons is not None and result.regions:
            files |= self._compared(self.comparisons, image, result, stem)
        return Example(path=row.path, score=row.score, defect_type=row.defect_type, **files)

    def _compared(
        self, comparisons: Comparisons, image: NDArray[Any], result: Prediction, stem: str
    ) -> dict[str, str]:
        """Write what the highest regions were compared with, and say what that is."""
        from blemish.images.overlay import encode_jpeg
        from blemish.images.side_by_side import in_a_row

        found = comparisons.shown(image, result)
        pairs = comparisons.pairs(image, found, most=MOST_PAIRS)
        told = [r.evidence.image for r in found.regions[:MOST_PAIRS] if r.evidence]
        path = self.folder / f"{stem}_compared.jpg"
        write_whole(path, encode_jpeg(in_a_row(pairs, side_px=PAIR_PX), long_side_px=640))
        where = path.relative_to(self.directory).as_posix()
        return {"compared": where, "compared_with": ", ".join(told)}
