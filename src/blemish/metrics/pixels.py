"""Exact pixel figures of any number of images, with memory for the defects' pixels only.

Pixels outside the masks are written to a temporary file as they come. When all are there, the
distinct scores of the defects' pixels are known, and all others are counted against them
(`counting`); AUROC, AP, F1-max, AU-PRO and AUPIMO follow from the counts, for all images and for
each kind of defect, as if all pixels had been sorted together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from blemish.images.masks import Saturating
from blemish.images.regions import label_regions
from blemish.metrics.counting import Group, Part, Tally, count_blocks, good_rates
from blemish.metrics.decisions import Decisions
from blemish.metrics.overlap import (
    PIMO_RANGE,
    GoodRates,
    RegionCounts,
    pimo_reached,
    pimo_worth,
    saturated_shares,
)
from blemish.metrics.ranking import distinct
from blemish.metrics.regions import FoundRegion
from blemish.metrics.spill import Spill
from blemish.result import GOOD


@dataclass(frozen=True, eq=False)
class ImagePixels:
    """What is kept of an image in memory.

    Attributes:
        name: what to call it.
        kind: its defect type, or `good`.
        scores: of its defective pixels, rising: looking such up is fastest.
        region: for each of these, the number of its region in this image.
        shares: for each, what share it is of its region; where regions saturate, what it adds to
            the share of its region that counts as found.
        areas_px: of its regions.
        found: of its regions, whether a pixel is above the threshold; `None` without one.
        highest: the highest score of its other pixels.
        decisions: what the threshold does to its pixels; of none without one.
    """

    name: str
    kind: str
    scores: NDArray[np.float32]
    region: NDArray[np.int32]
    shares: NDArray[np.float64]
    areas_px: NDArray[np.int64]
    found: NDArray[np.bool_] | None
    highest: float
    decisions: Decisions

    @property
    def good(self) -> bool:
        """Whether the image is good: it is called so, and no pixel of it is defective."""
        return self.kind == GOOD and not self.scores.size


@dataclass(frozen=True, eq=False)
class PixelCounts:
    """Counts of all pixels that were added.

    Attributes:
        whole: of all images.
        kinds: for each kind of defect that has defective pixels, of its images and the good ones.
        good: rates of flagged pixels in good images, for the values of `whole`; `None` without
            good images.
        pimo_range: of false-positive rates, for AUPIMO.
    """

    whole: RegionCounts
    kinds: dict[str, RegionCounts]
    good: GoodRates | None
    pimo_range: tuple[float, float]

    @property
    def pimo_defined(self) -> bool:
        """Whether a threshold reaches the lower end of the range on good images."""
        return self.good is not None and pimo_reached(self.good, self.pimo_range[0])


class PixelScores:
    """Collects maps and masks, then counts; use it as a context, its temporary file goes with it.

    Args:
        threshold: for decisions and for the regions that are found: calibrated, or set by a user;
            `None` where there is none, and these are unknown.

    Attributes:
        images: that were added.
        spill: pixels that are not defective, a block for each image.
    """

    def __init__(self, threshold: float | None) -> None:
        self._threshold = threshold
        self.images: list[ImagePixels] = []
        self.spill = Spill()

    def add(
        self,
        score_map: NDArray[np.float32],
        mask: NDArray[np.bool_],
        *,
        name: str,
        kind: str,
        saturating: Sequence[Saturating] = (),
        counted: NDArray[np.bool_] | None = None,
    ) -> None:
        """Add an image, of any size.

        Args:
            score_map: H x W, raw, at the size of the mask; kept as float32.
            mask: H x W, true where defective.
            name: what to call the image.
            kind: its defect type, or `good`: what figures can be told apart by.
            saturating: the regions that AU-PRO asks for, together the mask, where the data set
                says how much of each is enough; by default the mask's own, in whole.
            counted: H x W, which pixels count; the others do nowhere. By default all do.

        Raises:
            ValueError: a score is not a number, or map and mask differ in size.
            BlemishError: the temporary file cannot be written.
        """
        score_map, mask = np.asarray(score_map, np.float32), np.asarray(mask, np.bool_)
        if score_map.shape != mask.shape:
            raise ValueError(f"{name}: map {score_map.shape} and mask {mask.shape} differ in size")
        if np.isnan(score_map).any():
            raise ValueError(f"{name}: a pixel's score is not a number (NaN)")
        if counted is not None:
            mask = mask & counted
            within = (replace(one, mask=one.mask & counted) for one in saturating)
            saturating = [one for one in within if one.mask.any()]
        region, scores = label_regions(mask), score_map[mask]
        order = np.argsort(scores)
        region, scores = region[order], scores[order]
        others = score_map.reshape(-1)
        if region.size or counted is not None:
            others = score_map[~mask if counted is None else counted & ~mask]
        areas = np.bincount(region)
        shares = 1 / areas[region]
        if saturating:
            added = np.sum([saturated_shares(score_map, one) for one in saturating], axis=0)
            shares = added[mask][order]
        self.spill.append(others)
        self.images.append(
            ImagePixels(
                name=name,
                kind=kind,
                scores=scores,
                region=region.astype(np.int32),
                shares=shares,
                areas_px=areas,
                found=_found(region, scores, len(areas), self._threshold),
                highest=float(others.max(initial=-np.inf)),
                decisions=_decide(scores, others, self._threshold),
            )
        )

    def decisions(self) -> dict[str, Decisions]:
        """What the threshold does to the pixels of each kind of image."""
        kinds: dict[str, Decisions] = {}
        for image in self.images:
            kinds[image.kind] = kinds.get(image.kind, Decisions()) + image.decisions
        return kinds

    def regions(self) -> list[FoundRegion]:
        """The regions of all masks, and which of them the threshold finds."""
        found = []
        for image in self.images:
            areas = image.areas_px.tolist()
            told = [None] * len(areas) if image.found is None else image.found.tolist()
            found += [
                FoundRegion(image.name, image.kind, area_px, whether)
                for area_px, whether in zip(areas, told, strict=True)
            ]
        return found

    def count(self, *, pimo_range: tuple[float, float] = PIMO_RANGE) -> PixelCounts:
        """Count all pixels: what every figure follows from.

        Args:
            pimo_range: of false-positive rates, for AUPIMO.
        """
        whole, kinds, rates = self._tally(pimo_range[1])
        own = [image for image in self.images if image.scores.size]
        return PixelCounts(
            whole=_region_counts(whole, own),
            kinds={
                kind: _region_counts(tally, [image for image in own if image.kind == kind])
                for kind, tally in kinds.items()
            },
            good=rates,
            pimo_range=pimo_range,
        )

    def _tally(self, high: float) -> tuple[Tally, dict[str, Tally], GoodRates | None]:
        """Count pixels that are not defective: of all images, and of each kind and the good."""
        values = self._distinct()
        whole, good = Tally(values), Tally(values)
        defects = dict.fromkeys(image.kind for image in self.images if image.scores.size)
        parts = {}
        for kind in defects:
            own = self._distinct(kind)
            parts[kind] = Part(Tally(own), values.searchsorted(own))
        numbers: dict[str | None, list[int]] = {}  # of good images, of each other kind
        for number, image in enumerate(self.images):
            numbers.setdefault(None if image.good else image.kind, []).append(number)
        highest = {number: self.images[number].highest for number in numbers.pop(None, [])}
        groups = [Group(list(highest), good)]
        groups += [Group(own, whole, parts.get(kind)) for kind, own in numbers.items() if kind]
        count_blocks(self.spill, groups)
        whole.count(slice(None), good.above, good.at_least)
        whole.total += good.total
        for part in parts.values():
            part.merge(good)
        kinds = {kind: part.tally for kind, part in parts.items()}
        return whole, kinds, good_rates(self.spill, highest, good, high)

    def _distinct(self, kind: str | None = None) -> NDArray[np.float32]:
        """The distinct scores of defective pixels, of one kind or of all."""
        return distinct(p.scores for p in self.images if kind in (None, p.kind))

    def aupimo(self, counts: PixelCounts) -> list[float | None]:
        """AUPIMO of each image; `None` of those without a defective pixel, or where undefined.

        Args:
            counts: of these images.
        """
        worth = pimo_worth(counts.good, *counts.pimo_range) if counts.good else None
        values = counts.whole.ranks.values
        return [
            float(worth[values.searchsorted(image.scores)].mean())
            if worth is not None and image.scores.size
            else None
            for image in self.images
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.spill.close()


def _found(
    region: NDArray[np.int64], scores: NDArray[np.float32], regions: int, threshold: float | None
) -> NDArray[np.bool_] | None:
    """Of each region, whether a pixel is above the threshold."""
    if threshold is None:
        return None
    found: NDArray[np.bool_] = np.bincount(region[scores > threshold], minlength=regions) > 0
    return found


def _decide(
    defective: NDArray[np.float32], others: NDArray[np.float32], threshold: float | None
) -> Decisions:
    if threshold is None:
        return Decisions()
    caught = int(np.count_nonzero(defective > threshold))
    alarms = int(np.count_nonzero(others > threshold))
    return Decisions(caught, defective.size - caught, alarms, others.size - alarms)


def _region_counts(tally: Tally, images: Sequence[ImagePixels]) -> RegionCounts:
    """What was tallied, beside the images' defective pixels and regions."""
    positives = np.zeros(len(tally.values), np.int64)
    shares = np.zeros(len(tally.values))
    for image in images:
        place = tally.values.searchsorted(image.scores)
        np.add.at(positives, place, 1)
        np.add.at(shares, place, image.shares)
    return RegionCounts(tally.with_positives(positives), shares)
