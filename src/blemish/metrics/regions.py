"""Defects as regions: which of them a threshold finds, by their size.

A region (8-connected pixels of a mask) counts as found where at least one of its pixels scores
above the threshold calibrated on good pictures. That is lenient on outlines and strict on chance:
the threshold is such that hardly a good picture has even one pixel above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FoundRegion:
    """A region of a mask: in which picture, of how many pixels, and whether it was found."""

    picture: str
    kind: str
    area_px: int
    found: bool

    def to_dict(self) -> dict[str, Any]:
        """Where it is and how large, as plain JSON values."""
        return {"picture": self.picture, "defect_type": self.kind, "area_px": self.area_px}


def region_recall(regions: Sequence[FoundRegion]) -> float | None:
    """Share of the regions that were found; `None` without regions."""
    return sum(region.found for region in regions) / len(regions) if regions else None


def recall_by_size(regions: Sequence[FoundRegion]) -> list[dict[str, Any]]:
    """For each power of ten in pixels, how many regions there are and how many were found.

    Returns:
        `from_px` and `below_px` (exclusive), `regions`, `found` and `recall`, smallest first;
        sizes without a region are left out.
    """
    rows = []
    for digits in sorted({len(str(region.area_px)) for region in regions}):
        own = [region for region in regions if len(str(region.area_px)) == digits]
        rows.append(
            {
                "from_px": 10 ** (digits - 1),
                "below_px": 10**digits,
                "regions": len(own),
                "found": sum(region.found for region in own),
                "recall": region_recall(own),
            }
        )
    return rows


def describe_regions(regions: Sequence[FoundRegion]) -> dict[str, Any]:
    """How many there are and were found, by size, with the smallest found and largest missed."""
    found = [region for region in regions if region.found]
    missed = [region for region in regions if not region.found]
    smallest = min(found, key=lambda region: region.area_px, default=None)
    largest = max(missed, key=lambda region: region.area_px, default=None)
    return {
        "regions": len(regions),
        "found": len(found),
        "by_size": recall_by_size(regions),
        "smallest_found": smallest.to_dict() if smallest else None,
        "largest_missed": largest.to_dict() if largest else None,
    }
