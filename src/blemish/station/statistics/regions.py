"""Where defects lie: a Pareto of zones, and a heat map over the part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

from blemish.ledger.entry import Kind
from blemish.ledger.query import Query
from blemish.ledger.reader import Reader
from blemish.station.inspection import Outcome

CELLS = 32  # of a heat map, along the longer side


@dataclass(frozen=True)
class Bar:
    """A zone.

    Attributes:
        zone: its name; `None` where a region lies in no zone.
        parts: defective parts with a region there; a part may count in several zones.
        regions: how many regions.
        cumulative: share of all parts of all bars, up to this one.
    """

    zone: str | None
    parts: int
    regions: int
    cumulative: float


@dataclass(frozen=True)
class HeatMap:
    """How often defects lie where.

    Attributes:
        parts: defective parts that were looked at.
        counts: rows of cells, the top left one first: parts with a region that reaches into it.
    """

    parts: int
    counts: list[list[int]]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {"parts": self.parts, "counts": self.counts}


def pareto(
    ledger: Reader, since: datetime, until: datetime, *, recipe: str | None = None
) -> list[Bar]:
    """Zones by the number of defective parts with a region there, the most first.

    Args:
        ledger: to read.
        since: at or after this; aware.
        until: before this; aware.
        recipe: only of this one.
    """
    parts: Counter[str | None] = Counter()
    regions: Counter[str | None] = Counter()
    for views in _defects(ledger, since, until, recipe):
        zones = [region.get("zone") for view in views for region in _regions(view)]
        regions.update(zones)
        parts.update(set(zones))
    order = sorted(parts, key=lambda zone: (-parts[zone], zone or ""))
    sums = accumulate(parts[zone] for zone in order)
    total = parts.total()
    return [
        Bar(zone, parts[zone], regions[zone], so_far / total)
        for zone, so_far in zip(order, sums, strict=True)
    ]


def region_heat_map(
    ledger: Reader,
    since: datetime,
    until: datetime,
    *,
    recipe: str | None = None,
    camera: str | None = None,
) -> HeatMap | None:
    """Where the regions of defective parts lie, images of all sizes laid over each other.

    Args:
        ledger: to read.
        since: at or after this; aware.
        until: before this; aware.
        recipe: only of this one.
        camera: only of this one; by default of the first that saw a defect.

    Returns:
        The map, in the shape of the first image; `None` where no defect was seen.
    """
    parts, counts, shape = 0, Counter[tuple[int, int]](), (0, 0)
    for views in _defects(ledger, since, until, recipe):
        for view in views:
            regions, size_hw = _regions(view), view.get("size_hw")
            if not regions or not size_hw or view["camera"] != (camera or view["camera"]):
                continue
            camera, shape = view["camera"], shape if parts else _shape(*size_hw)
            parts += 1
            counts.update({c for one in regions for c in _cells(one["box_xyxy"], size_hw, shape)})
    if not parts:
        return None
    return HeatMap(parts, [[counts[row, x] for x in range(shape[1])] for row in range(shape[0])])


def _defects(
    ledger: Reader, since: datetime, until: datetime, recipe: str | None
) -> Iterator[list[dict[str, Any]]]:
    """The views of each defective part."""
    query = Query([Kind.INSPECTION], [Outcome.DEFECT], recipe, since=since, until=until)
    for row in ledger.each(query):
        yield row.entry.body.get("views", [])


def _regions(view: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (view.get("prediction") or {}).get("regions", [])
    return found


def _shape(height: int, width: int) -> tuple[int, int]:
    longer = max(height, width)
    return max(1, round(CELLS * height / longer)), max(1, round(CELLS * width / longer))


def _cells(box_xyxy: list[int], size_hw: list[int], shape: tuple[int, int]) -> Iterator[Any]:
    """The cells that a box, whose end is exclusive, reaches into."""
    left, top, right, bottom = box_xyxy
    spans = [
        range(start * cells // size, -(-end * cells // size))
        for start, end, size, cells in zip(
            (top, left), (bottom, right), size_hw, shape, strict=True
        )
    ]
    return ((row, column) for row in spans[0] for column in spans[1])
