"""Pixels of each image counted over bins of score: what the bootstrap draws images from.

Bins are fine where figures are made: their borders are defective pixels' scores, spaced evenly in
the share of defective pixels found, of regions covered and of other pixels flagged, and in the
logarithm of the false-positive rate where AUPIMO looks. Figures of the bins take the scores within
one as equal; that moves them by far less than the choice of images does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from blemish.metrics.formulas import from_the_top
from blemish.metrics.pixels import ImagePixels, PixelCounts, PixelScores
from blemish.metrics.ranking import Scores
from blemish.parallel import one_core_each

STEPS = 1000  # along each of the four


@dataclass(frozen=True, eq=False)
class PixelTables:
    """P images, D of them with defects, over B bins of score, rising.

    Attributes:
        defective: P, which of the images are not good.
        positives: D x B, their defective pixels.
        shares: D x B, sums over regions of the share of each one's pixels.
        negatives: P x B, pixels that are not defective.
        decisions: P x 4, pixels caught, missed, false alarms and passed at the threshold.
        regions: P x 2, regions, and those of them that the threshold finds; not a number
            without one.
        pimo: the lowest rate above 0, and the range of AUPIMO; `None` where it is undefined.
    """

    defective: NDArray[np.bool_]
    positives: NDArray[np.float64]
    shares: NDArray[np.float64]
    negatives: NDArray[np.float64]
    decisions: NDArray[np.float64]
    regions: NDArray[np.float64]
    pimo: tuple[float, float, float] | None


def tabulate(pixels: PixelScores, counts: PixelCounts) -> PixelTables:
    """Count each image's pixels over bins.

    Args:
        pixels: that were collected.
        counts: of these.
    """
    borders = choose_borders(counts)
    bins = len(borders) + 1

    def negatives(number: int) -> NDArray[np.int64]:
        ordered = pixels.spill.read([number])
        ordered.sort()
        return np.diff(ordered.searchsorted(borders), prepend=0, append=ordered.size)

    with one_core_each() as pool:
        others = list(pool.map(negatives, range(len(pixels.images))))
    own = [image for image in pixels.images if not image.good]
    places = [borders.searchsorted(image.scores, side="right") for image in own]
    shares = [
        np.bincount(place, weights=image.shares, minlength=bins)
        for place, image in zip(places, own, strict=True)
    ]
    good = counts.good
    return PixelTables(
        defective=np.array([not image.good for image in pixels.images], np.bool_),
        positives=_rows([np.bincount(place, minlength=bins) for place in places], bins),
        shares=_rows(shares, bins),
        negatives=_rows(others, bins),
        decisions=_rows([astuple(image.decisions) for image in pixels.images], 4),
        regions=_rows([_regions(image) for image in pixels.images], 2),
        pimo=(good.lowest, *counts.pimo_range) if good and counts.pimo_defined else None,
    )


def choose_borders(counts: PixelCounts) -> Scores:
    """Scores of defective pixels, rising, at which bins begin; nothing lies below the first."""
    ranks = counts.whole.ranks
    if not len(ranks.values):
        return ranks.values
    axes = [from_the_top(ranks.positives), from_the_top(counts.whole.shares), ranks.at_least]
    if counts.good:
        axes.append(np.log(np.clip(counts.good.at_least, *counts.pimo_range)))
    steps = [np.searchsorted(-axis, np.linspace(-axis[0], -axis[-1], STEPS)) for axis in axes]
    places = np.concatenate([[0], *steps])
    borders: Scores = ranks.values[np.unique(np.minimum(places, len(ranks.values) - 1))]
    return borders


def _regions(image: ImagePixels) -> tuple[int, float]:
    """How many regions it has, and how many of them are found."""
    return len(image.areas_px), np.nan if image.found is None else int(image.found.sum())


def _rows(rows: Sequence[ArrayLike], width: int) -> NDArray[np.float64]:
    """Rows of that width as one array, also where there are none."""
    return np.array(rows, np.float64).reshape(len(rows), width)
