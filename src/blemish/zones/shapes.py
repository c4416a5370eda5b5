"""Shapes that zones are drawn as.

Convention: coordinates are in pixels, `(x, y)`, the outer corner of the top left one being (0, 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.images.polygons import paint_ellipse, paint_polygon

Extent = tuple[float, float, float, float]  # x0, y0, x1, y1


@dataclass(frozen=True)
class Polygon:
    """Corners, `(x, y)` in pixels, the outer corner of the top left one being (0, 0)."""

    points_xy: tuple[tuple[float, float], ...]

    def extent(self) -> Extent:
        """The box around it."""
        xs, ys = zip(*self.points_xy, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def paint(self, mask: NDArray[np.bool_]) -> None:
        """Set the pixels that it covers, as COCO fills polygons."""
        paint_polygon(mask, np.array(self.points_xy, np.float64))


@dataclass(frozen=True)
class Box:
    """A rectangle: left, top, width and height in pixels."""

    x: float
    y: float
    width: float
    height: float

    def extent(self) -> Extent:
        """Itself, as two corners."""
        return self.x, self.y, self.x + self.width, self.y + self.height

    def paint(self, mask: NDArray[np.bool_]) -> None:
        """Set the pixels whose centres are in it."""
        x0, y0, x1, y1 = (max(0, math.ceil(edge - 0.5)) for edge in self.extent())
        mask[y0:y1, x0:x1] = True


@dataclass(frozen=True)
class Disc:
    """A circle: centre and radius in pixels."""

    x: float
    y: float
    radius: float

    def extent(self) -> Extent:
        """The box around it."""
        return (
            self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius,
        )  # fmt: skip

    def paint(self, mask: NDArray[np.bool_]) -> None:
        """Set the pixels whose centres are in it."""
        paint_ellipse(mask, (self.x, self.y), (self.radius, self.radius))


@dataclass(frozen=True, eq=False)
class Painting:
    """Pixels, H x W, as a mask has them."""

    pixels: NDArray[np.bool_]

    def extent(self) -> Extent:
        """The whole of its image."""
        return 0.0, 0.0, float(self.pixels.shape[1]), float(self.pixels.shape[0])

    def paint(self, mask: NDArray[np.bool_]) -> None:
        """Set its pixels."""
        mask |= self.pixels


Shape = Polygon | Box | Disc | Painting


@dataclass(frozen=True)
class Zone:
    """A named shape.

    Attributes:
        name: what to call it.
        shape: its pixels.
        ignored: nothing in it is inspected.
        share: of the false alarms that may come from it, in proportion to those of other zones:
            each has a threshold of its own then; `None` for one that all share.
        smallest_px: regions in it of fewer pixels are not shown.
    """

    name: str
    shape: Shape
    ignored: bool = False
    share: float | None = None
    smallest_px: int | None = None
