"""Training images that do not look like the others: defects among the good, or rare good ones.

An image's score is the largest value of a map of many patches, and such maxima are about Gumbel
distributed (Coles 2001, chapter 3). Its place and width are taken from the median and the
median distance to it, or the upper quartile where that lies farther: scores may be more skewed than
that distribution, and up to a tenth of strangers hardly moves it. Then, of n images, one
good image is expected to score above the level where n times the chance is 1: what scores above
that stands out, and is listed with how many good images would be expected to score so high. So
about one good image is listed by chance, whatever n, and that is said.

Left-out scores are needed: an image that is in the bank, or was trained on, hides itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blemish.images.regions import find_regions
from blemish.result import ScoredImage
from blemish.typed_json import Count, Hash

FEWEST_SCORES = 20
BY_CHANCE = 1.0  # good images that are listed, on average
MOST_NAMED = 3
GUMBEL_MEDIAN = -math.log(math.log(2))
GUMBEL_MAD = 0.767049  # median distance to the median, of scale 1
GUMBEL_UPPER = -math.log(math.log(4 / 3)) - GUMBEL_MEDIAN  # from the median to the upper quartile

Box = tuple[Count, Count, Count, Count]


@dataclass(frozen=True)
class Typical:
    """What the scores of most images look like.

    Attributes:
        images: how many there are.
        median: of their scores, raw.
        scale: of the Gumbel distribution, in units of the score.
    """

    images: int
    median: float
    scale: float

    def expected(self, score: float) -> float:
        """How many of so many good images would score at least so high."""
        place = (score - self.median) / self.scale + GUMBEL_MEDIAN
        return self.images * -math.expm1(-math.exp(-min(max(place, -30.0), 700.0)))

    def robust_z(self, score: float) -> float:
        """Distance to the median in standard deviations, as the median distance tells them."""
        return (score - self.median) / (self.scale * GUMBEL_MAD * 1.4826)


@dataclass(frozen=True)
class Suspicious:
    """A training image that stands out.

    Attributes:
        id: of the image, in its data set.
        sha256: of its file.
        score: left out, raw.
        expected: how many good images would be expected to score so high, below 1.
        robust_z: distance to the median in robust standard deviations.
        box_xyxy: where its map peaks, in pixels of the image; `x1` and `y1` exclusive.
    """

    id: str
    sha256: Hash
    score: float
    expected: float
    robust_z: float
    box_xyxy: Box


@dataclass(frozen=True)
class SuspiciousImages:
    """The training images that stand out.

    Attributes:
        scored: among how many.
        typical_score: the median of the scores.
        by_chance: how many would stand out by chance.
        images: highest score first.
    """

    scored: Count
    typical_score: float
    by_chance: float
    images: tuple[Suspicious, ...]

    def advice(self) -> str | None:
        """What a user must hear of them, and can do; `None` where there are none."""
        count = len(self.images)
        if not count:
            return None
        names = ", ".join(image.id for image in self.images[:MOST_NAMED])
        return (
            f"{count} of {self.scored:,} training images stand{'s' * (count == 1)} out (about "
            f"{self.by_chance:g} would by chance): {names}{', ...' * (count > MOST_NAMED)}. "
            "Look at them: defects among the good images hide defects like them and raise the "
            "thresholds. Remove what is defective and fit again, or fit with drop_suspicious=True."
        )


def typical(scores: ArrayLike) -> Typical | None:
    """What most scores look like; `None` where they are fewer than 20, or most are the same.

    Args:
        scores: of images as if they were new, raw; copies of an image count once.
    """
    values = np.asarray(scores, np.float64)
    if len(values) < FEWEST_SCORES:
        return None
    median, upper = (float(value) for value in np.quantile(values, (0.5, 0.75)))
    by_distance = float(np.median(np.abs(values - median))) / GUMBEL_MAD
    scale = max(by_distance, (upper - median) / GUMBEL_UPPER) if by_distance else 0.0
    return Typical(len(values), median, scale) if scale > 0 else None


def find_suspicious(
    images: Sequence[ScoredImage], most: Typical, map_of: Callable[[str], NDArray[np.float32]]
) -> SuspiciousImages:
    """The images that stand out.

    Args:
        images: as they were scored as if they were new.
        most: what most of the scores look like.
        map_of: gives the map, H x W, of an image by its id.
    """
    typical_peak = float(np.median([image.peak for image in images]))
    found = [
        Suspicious(
            image.id,
            image.sha256,
            image.score,
            most.expected(image.score),
            most.robust_z(image.score),
            _peak_box(map_of(image.id), typical_peak),
        )
        for image in sorted(images, key=lambda image: (-image.score, image.id))
        if most.expected(image.score) < BY_CHANCE
    ]
    return SuspiciousImages(most.images, most.median, BY_CHANCE, tuple(found))


def _peak_box(score_map: NDArray[np.float32], typical_peak: float) -> Box:
    """The box of what is above the middle between a typical peak and this map's, at its peak."""
    peak = float(score_map.max())
    level = (peak + min(typical_peak, peak)) / 2
    regions = find_regions(score_map, min(level, float(np.nextafter(np.float32(peak), -np.inf))))
    return regions[0].box_xyxy
