"""Pictures of parts as a browser can show them: from memory while they are new, or from disk.

What is drawn of the newest is kept for a few parts, so that a page which asks for the picture of
the part that it shows gets that one, however fast others come.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blemish.images.header import probe_image
from blemish.images.overlay import encode_jpeg, overlay
from blemish.images.read import read_image
from blemish.images.regions import find_regions
from blemish.images.score_map import read_score_map

if TYPE_CHECKING:
    from blemish.result import Prediction, Region
    from blemish.station.inspection import Inspection, View

LONG_SIDE_PX = 1600  # of pictures that are sent
KEPT = 12  # inspections
MOST_DRAWN = 40  # regions that are drawn


@dataclass(frozen=True)
class Shot:
    """A picture.

    Attributes:
        size_hw: of the image in pixels.
        image: JPEG.
        map: the same with the map laid over; `None` where it was not judged.
        regions: of its prediction, as JSON values.
    """

    size_hw: tuple[int, int]
    image: bytes
    map: bytes | None = None
    regions: Sequence[Mapping[str, Any]] = ()


class Shots:
    """Pictures of the inspections that were shown last."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, dict[str, Shot]] = OrderedDict()
        self._lock = Lock()

    def of(self, inspection: Inspection) -> Mapping[str, Shot]:
        """By camera; drawn once."""
        with self._lock:
            if inspection.id not in self._known:
                drawn = {
                    v.camera: _drawn(v, v.pixels) for v in inspection.views if v.pixels is not None
                }
                self._known[inspection.id] = drawn
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
            return self._known[inspection.id]

    def known(self, inspection_id: str, camera: str) -> Shot | None:
        """What was drawn, if it is still kept."""
        with self._lock:
            return self._known.get(inspection_id, {}).get(camera)


def read_jpeg(image: Path, long_side_px: int) -> bytes:
    """An image file as JPEG, whatever its format. Raises `ImageError`."""
    return encode_jpeg(read_image(image), long_side_px=long_side_px)


def laid_over(image: Path, score_map: Path, threshold: float) -> bytes:
    """An image with its map laid over, as JPEG. Raises `ImageError`."""
    laid = overlay(read_image(image), read_score_map(score_map), threshold=threshold)
    return encode_jpeg(laid, long_side_px=LONG_SIDE_PX)


def size_of(image: Path) -> tuple[int, int]:
    """Height and width of an image file. Raises `ImageError`."""
    return probe_image(image).size_hw


def regions_svg(size_hw: tuple[int, int], regions: Sequence[Mapping[str, Any]]) -> str:
    """Outlines of regions, numbered, as a picture of the image's shape that is laid over it."""
    height, width = size_hw
    text = max(12, round(max(size_hw) / 36))
    drawn = [_region(number, region, text) for number, region in enumerate(regions, start=1)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" fill="none" font-family="sans-serif" font-weight="700" '
        f'font-size="{text}">{"".join(drawn[:MOST_DRAWN])}</svg>'
    )


def _region(number: int, region: Mapping[str, Any], text: int) -> str:
    x0, y0, x1, y1 = (int(value) for value in region["box_xyxy"])
    rings = region.get("outline_xy")
    if rings:
        path = "".join(
            "M" + "L".join(f"{int(x)} {int(y)}" for x, y in ring) + "z" for ring in rings
        )
    else:
        path = f"M{x0} {y0}H{x1}V{y1}H{x0}z"
    line = f'<path d="{path}" vector-effect="non-scaling-stroke" '
    return (
        f'{line}stroke="#10141c" stroke-width="5"/>{line}stroke="#fff" stroke-width="2"/>'
        f'<text x="{x0}" y="{max(text, y0 - text // 3)}" fill="#fff" stroke="#10141c" '
        f'stroke-width="{text / 6:.1f}" paint-order="stroke">{number}</text>'
    )


def _drawn(view: View, pixels: NDArray[np.generic]) -> Shot:
    image = encode_jpeg(pixels, long_side_px=LONG_SIDE_PX)
    found = view.prediction
    if found is None:
        return Shot(_size(pixels), image)
    laid = overlay(
        pixels, found.score_map, threshold=view.pixel_threshold or 1.0, inspected=view.inspected
    )
    regions = [region.to_dict() for region in _outlined(found, view.pixel_threshold)]
    return Shot(_size(pixels), image, encode_jpeg(laid, long_side_px=LONG_SIDE_PX), regions)


def _outlined(found: Prediction, threshold: float | None) -> Sequence[Region]:
    """Regions with their outlines."""
    if threshold is None or not found.regions:
        return found.regions
    outlined = {
        region.box_xyxy: region
        for region in find_regions(found.score_map, threshold, outlines=True)
    }
    return [outlined.get(region.box_xyxy, region) for region in found.regions]


def _size(pixels: NDArray[Any]) -> tuple[int, int]:
    return pixels.shape[0], pixels.shape[1]
