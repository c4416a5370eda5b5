"""What the figures of a level are made from: of all test images, or of many draws of them at once.

A figure is one function of this evidence (`catalogue`), so that it is the same for all test images,
for those of one type of defect, and in every draw of the bootstrap.

Convention: `...` is nothing for one set of images, and the number of draws for draws of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from blemish.metrics.decisions import Decisions, decide
from blemish.metrics.formulas import Numbers, Ranks
from blemish.metrics.overlap import RegionCounts
from blemish.metrics.pixels import PixelCounts, PixelScores
from blemish.metrics.ranking import rank


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """What figures of images are made from, and figures of pixels, too.

    Attributes:
        ranks: of defects and good.
        decisions: what the threshold does; all 0 without one.
    """

    ranks: Ranks
    decisions: Decisions


@dataclass(frozen=True, eq=False, kw_only=True)
class PixelEvidence(Evidence):
    """What figures of pixels, and of the regions that they make, are made from.

    Attributes:
        shares: ... x V, for each value of the ranks, sums over regions of the share of each one's
            pixels that have it.
        regions: ..., labelled regions.
        found: ..., those of them that the threshold finds; not a number without one.
        aupimo: ..., mean AUPIMO of the images with defective pixels; not a number where undefined.
    """

    shares: Numbers
    regions: Any
    found: Any
    aupimo: Any


def image_evidence(
    scores: ArrayLike, labels: ArrayLike, threshold: float | None, *, rejected: ArrayLike = False
) -> Evidence:
    """Evidence of images.

    Args:
        scores: N, raw.
        labels: N, true for a defect.
        threshold: calibrated, or set by a user; `None` where there is none.
        rejected: N, true for images that are rejected whatever they score; by default none.
    """
    decisions = (
        Decisions() if threshold is None else decide(scores, labels, threshold, rejected=rejected)
    )
    return Evidence(ranks=rank(scores, labels), decisions=decisions)


def pixel_evidence(
    pixels: PixelScores,
    counts: PixelCounts,
    aupimo: Sequence[float | None],
    *,
    kind: str | None = None,
) -> PixelEvidence:
    """Evidence of pixels.

    Args:
        pixels: that were collected.
        counts: of these.
        aupimo: of each image.
        kind: only of images of that type of defect, and of the good ones; by default of all.
    """
    nothing = RegionCounts(rank([], []), np.zeros(0))
    own = counts.whole if kind is None else counts.kinds.get(kind, nothing)
    chosen = [
        (image, value)
        for image, value in zip(pixels.images, aupimo, strict=True)
        if kind is None or image.good or image.kind == kind
    ]
    found = [np.nan if image.found is None else image.found.sum() for image, _ in chosen]
    known = [value for _, value in chosen if value is not None]
    return PixelEvidence(
        ranks=own.ranks,
        decisions=sum((image.decisions for image, _ in chosen), Decisions()),
        shares=own.shares,
        regions=sum(len(image.areas_px) for image, _ in chosen),
        found=sum(found),
        aupimo=np.mean(known) if known else np.nan,
    )
