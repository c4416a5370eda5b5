"""Anomaly maps that another tool wrote, measured as a model is: the same code, the same figures.

Nothing is known of the tool but its maps: an image's score is the maximum of its map, unless a
list of scores is given; there is no calibrated threshold, so figures that need one are undefined,
unless the user sets one. Masks are never resized; a map of another size than its image is
refused, unless the user asks for it to be resized.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from blemish.data.dataset import Dataset
from blemish.data.sample import Sample
from blemish.errors import BlemishError, DataError, ImageError, raise_some
from blemish.evaluation.matching import SHOWN, match_maps
from blemish.evaluation.measure import Evaluation, Judged, measure, tested
from blemish.evaluation.score_list import read_scores
from blemish.images.header import READER, Reader, spell_size
from blemish.images.regions import find_regions
from blemish.images.score_map import ScoreMap, read_score_map, resize_score_map
from blemish.metrics.decisions import Thresholds
from blemish.parallel import read_ahead
from blemish.progress import Progress
from blemish.result import Prediction, Verdict
from blemish.wording import first_few

NO_THRESHOLDS = Thresholds()


class ScoreMaps:
    """Maps of the test images of a data set, found in a folder by their names (see `matching`).

    Args:
        folder: of the maps.
        dataset: whose test images they belong to.
        scores: a table (CSV, JSON, Parquet) with the score of each image; by default an image's
            score is the maximum of its map.
        resize: whether to resize maps of another size than their image, bilinear.
        thresholds: that the user sets.
        reader: how images and masks are read; its limits are for maps, too.

    Attributes:
        samples: the test images.
        paths: of the maps, by the id of the image.
        problems: why maps and images do not fit, in words; measuring tells them with the others.
        spare: maps of no test image.

    Raises:
        DataError: there is no such folder, no list of scores, or no test image.
    """

    def __init__(
        self,
        folder: str | Path,
        dataset: Dataset,
        *,
        scores: str | Path | None = None,
        resize: bool = False,
        thresholds: Thresholds = NO_THRESHOLDS,
        reader: Reader = READER,
    ) -> None:
        self.samples = tested(dataset)
        self.resize, self.thresholds, self.reader = resize, thresholds, reader
        matches = match_maps(Path(folder), self.samples, dataset.name)
        self.paths = {image: Path(folder, name) for image, name in matches.found.items()}
        self.problems, self.spare = list(matches.problems), matches.spare
        self.scores: dict[str, float] | None = None
        if scores is not None:
            self.scores, problems = read_scores(Path(scores), self.samples, dataset.name)
            self.problems += problems

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all maps and scores; reads every map. Raises `ImageError`."""
        digest = hashlib.sha256()
        for image, path in sorted(self.paths.items()):
            try:
                with path.open("rb") as stream:
                    content = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError as error:
                raise ImageError(f"{path}: cannot be read ({error.strerror}).") from error
            score = self.scores.get(image) if self.scores is not None else None
            digest.update(f"{image}\0{content}\0{score!r}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def read(self, sample: Sample) -> tuple[ScoreMap, bool]:
        """The map of an image at the image's size, and whether it had to be resized.

        Raises:
            ImageError: map or image cannot be read, or their sizes differ and must not.
        """
        path = self.paths[sample.id]
        score_map = read_score_map(path, limits=self.reader.limits)
        size_hw, own_hw = sample.probe(self.reader).size_hw, score_map.shape
        if own_hw == tuple(size_hw):
            return score_map, False
        if not self.resize:
            raise ImageError(
                f"{path}: is {spell_size((own_hw[0], own_hw[1]))}, its image "
                f"{spell_size(size_hw)}; write it at that size, or have it resized "
                "(--resize-maps)."
            )
        return resize_score_map(score_map, size_hw), True

    def judge(self, sample: Sample) -> tuple[Prediction, bool]:
        """What a map says of its image, and whether it had to be resized. Raises `ImageError`."""
        score_map, resized = self.read(sample)
        score = float(score_map.max()) if self.scores is None else self.scores[sample.id]
        image, pixel = self.thresholds.image, self.thresholds.pixel
        verdict = None
        if image is not None:
            verdict = Verdict.DEFECT if score > image else Verdict.GOOD
        regions = () if pixel is None else find_regions(score_map, pixel)
        return Prediction(score, score_map, verdict=verdict, regions=regions), resized


def evaluate_maps(maps: ScoreMaps, *, progress: Progress | None = None) -> Evaluation:
    """Measure maps, with the figures of `evaluate`.

    Args:
        maps: one for each test image.
        progress: where to tell how far it is.

    Raises:
        DataError: an image has no map or several, or maps cannot be used: all that is wrong, up to
            20 lines.
        ImageError: a mask cannot be read.
    """
    resized: list[str] = []
    found = measure(
        _judged(maps, resized),
        len(maps.samples),
        maps.thresholds,
        reader=maps.reader,
        progress=progress,
    )
    rows = tuple(replace(row, seconds=None) for row in found.images)
    return replace(found, images=rows, notes=(*_notes(maps, resized), *found.notes))


def _judged(maps: ScoreMaps, resized: list[str]) -> Iterator[Judged]:
    """What each map says, until one cannot be used; then the rest are only looked at.

    The ids of images whose maps were resized are added to a list.
    """
    problems = list(maps.problems)
    known = [sample for sample in maps.samples if sample.id in maps.paths]
    if maps.scores is not None:
        known = [sample for sample in known if sample.id in maps.scores]
    for sample, result in read_ahead(known, maps.judge):
        if isinstance(result, BlemishError):
            problems.append(f"{sample.id}: {result}")
        elif isinstance(result, Exception):
            raise result
        elif not problems:
            prediction, changed = result
            resized += [sample.id] if changed else []
            yield sample, prediction
    raise_some(problems, DataError)


def _notes(maps: ScoreMaps, resized: Sequence[str]) -> list[str]:
    """What a reader must know of how maps were measured."""
    notes = []
    if maps.scores is None:
        notes.append("The score of an image is the maximum of its map.")
    if resized:
        notes.append(
            f"{len(resized):,} of {len(maps.samples):,} maps were resized to their images "
            "(bilinear, pixel centres at half), as if each covered its whole image."
        )
    for level in ("image", "pixel"):
        threshold = getattr(maps.thresholds, level)
        if threshold is not None:
            notes.append(
                f"The {level} threshold, {threshold:.9g}, was set by the user, not calibrated on "
                "good images."
            )
    if maps.spare:
        notes.append(
            f"{len(maps.spare):,} maps belong to no test image and were passed over: "
            f"{first_few(maps.spare, SHOWN)}."
        )
    return notes
