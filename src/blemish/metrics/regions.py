"""Defects as regions: which of them a threshold finds, by their size.

A region (8-connected pixels of a mask) counts as found where at least one of its pixels scores
above the threshold calibrated on good images. That is lenient on outlines and strict on chance:
the threshold is such that hardly a good image has even one pixel above it. Without a threshold
nobody knows which are found: that is `None`, everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blemish.records.findings import LabelledRegion, Regions, RegionsOfSize


@dataclass(frozen=True, slots=True)
class FoundRegion:
    """A region of a mask: in which image, of how many pixels, and whether it was found."""

    image: str
    kind: str
    area_px: int
    found: bool | None

    @property
    def labelled(self) -> LabelledRegion:
        """Where it is and how large, as a record tells it."""
        return LabelledRegion(image=self.image, defect_type=self.kind, area_px=self.area_px)


def count_found(regions: Sequence[FoundRegion]) -> int | None:
    """How many of the regions were found; `None` without a threshold."""
    told = [region.found for region in regions if region.found is not None]
    return sum(told) if len(told) == len(regions) else None


def region_recall(regions: Sequence[FoundRegion]) -> float | None:
    """Share of the regions that were found; `None` without regions, or without a threshold."""
    found = count_found(regions)
    return found / len(regions) if regions and found is not None else None


def recall_by_size(regions: Sequence[FoundRegion]) -> tuple[RegionsOfSize, ...]:
    """For each power of ten in pixels, how many regions there are and how many were found.

    Smallest first; sizes without a region are left out.
    """
    rows = []
    for digits in sorted({len(str(region.area_px)) for region in regions}):
        own = [region for region in regions if len(str(region.area_px)) == digits]
        rows.append(
            RegionsOfSize(
                from_px=10 ** (digits - 1),
                below_px=10**digits,
                regions=len(own),
                found=count_found(own),
                recall=region_recall(own),
            )
        )
    return tuple(rows)


def describe_regions(regions: Sequence[FoundRegion]) -> Regions:
    """How many there are and were found, by size, with the smallest found and largest missed."""
    found = [region for region in regions if region.found]
    missed = [region for region in regions if region.found is False]
    smallest = min(found, key=lambda region: region.area_px, default=None)
    largest = max(missed, key=lambda region: region.area_px, default=None)
    return Regions(
        regions=len(regions),
        found=count_found(regions),
        by_size=recall_by_size(regions),
        smallest_found=smallest.labelled if smallest else None,
        largest_missed=largest.labelled if largest else None,
    )
