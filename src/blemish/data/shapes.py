"""Shapes that people and tools draw on images, and the pixels that they cover.

They are small and frozen: a data set holds those of all its images, and processes hand them on.

Convention: coordinates are continuous, as in `blemish.images.polygons`; those of a `Stroke` are
LabelMe's, where a whole number is the centre of a pixel and borders count.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError
from blemish.images.header import spell_size
from blemish.images.polygons import paint_ellipse, paint_polygon
from blemish.images.run_lengths import Lengths, box_of, check_lengths, mask_of, run_lengths

FARTHEST_PX = 1e6  # from the origin that a point may be
FARTHEST_SHARE = 2.0
MOST_PIXELS = 1 << 30  # of a mask by runs, so that no file can ask for more memory
FEWEST_CORNERS = 3

MOSTLY = 0.5  # of a shape's surroundings, to lie in the image

Box = tuple[int, int, int, int]
Extent = tuple[float, float, float, float]  # x0, y0, x1, y1 in pixels


@dataclass(frozen=True, slots=True)
class Polygon:
    """A polygon, filled by the even-odd rule, to the pixel as pycocotools fills it.

    Attributes:
        label: what it marks.
        points: x and y of its corners in turn, as 64-bit floats.
        relative: whether they are shares of the image's width and height, not pixels.
        is_box: whether it is a box around what is meant, rather than its outline.
        goes_on: whether it is a further part of the shape before it.
    """

    label: str
    points: bytes
    relative: bool = False
    is_box: bool = False
    goes_on: bool = False

    def paint(self, mask: NDArray[np.bool_]) -> bool:
        """Set its pixels in a mask, H x W; whether there are any."""
        points_xy = _unpacked(self.points)
        if self.relative:
            points_xy = points_xy * np.array([mask.shape[1], mask.shape[0]])
        return paint_polygon(mask, points_xy)

    def extent(self, size_hw: tuple[int, int]) -> Extent:
        """The box around it, in an image of some height and width."""
        scale = np.array([size_hw[1], size_hw[0]]) if self.relative else 1.0
        return _around(_unpacked(self.points) * scale)

    def says(self) -> bytes:
        """What makes it the same as another."""
        return b"polygon %d " % self.relative + self.points


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An ellipse: pixels whose centres are inside; `degrees` turn it clockwise."""

    label: str
    centre_xy: tuple[float, float]
    radii_xy: tuple[float, float]
    degrees: float = 0.0

    def paint(self, mask: NDArray[np.bool_]) -> bool:
        """Set its pixels in a mask, H x W; whether there are any."""
        return paint_ellipse(mask, self.centre_xy, self.radii_xy, self.degrees)

    def extent(self, _size_hw: tuple[int, int]) -> Extent:
        """The box around it."""
        cos, sin = math.cos(math.radians(self.degrees)), math.sin(math.radians(self.degrees))
        (x, y), (rx, ry) = self.centre_xy, self.radii_xy
        across, down = math.hypot(rx * cos, ry * sin), math.hypot(rx * sin, ry * cos)
        return x - across, y - down, x + across, y + down

    def says(self) -> bytes:
        """What makes it the same as another."""
        return f"ellipse {self.centre_xy} {self.radii_xy} {self.degrees}".encode()


@dataclass(frozen=True, slots=True)
class Runs:
    """A mask of pixels within a box.

    Attributes:
        label: what it marks.
        box_xyxy: its place in the image, in pixels; `x1` and `y1` exclusive.
        lengths: of runs in the box as `blemish.images.run_lengths` has them, 32-bit.
    """

    label: str
    box_xyxy: Box
    lengths: bytes

    def paint(self, mask: NDArray[np.bool_]) -> bool:
        """Set its pixels in a mask, H x W, those outside left out; whether there are any."""
        x0, y0, x1, y1 = self.box_xyxy
        lengths = np.frombuffer(self.lengths, "<u4").astype(np.int64)
        here = mask[y0:y1, x0:x1]
        drawn = mask_of(lengths, (y1 - y0, x1 - x0))[: here.shape[0], : here.shape[1]]
        here |= drawn
        return bool(drawn.any())

    def extent(self, _size_hw: tuple[int, int]) -> Extent:
        """The box around its pixels."""
        x0, y0, _, y1 = self.box_xyxy
        inner = box_of(np.frombuffer(self.lengths, "<u4").astype(np.int64), y1 - y0)
        if inner is None:
            return x0, y0, x0, y0
        return x0 + inner[0], y0 + inner[1], x0 + inner[2], y0 + inner[3]

    def says(self) -> bytes:
        """What makes it the same as another."""
        return f"runs {self.box_xyxy} ".encode() + self.lengths


@dataclass(frozen=True, slots=True)
class Stroke:
    """A shape of LabelMe, which is what Pillow draws of it, border and all."""

    label: str
    kind: Literal["polygon", "rectangle", "circle"]
    points: bytes

    @property
    def is_box(self) -> bool:
        """Whether it is a box around what is meant, rather than its outline."""
        return self.kind == "rectangle"

    def paint(self, mask: NDArray[np.bool_]) -> bool:
        """Set its pixels in a mask, H x W; whether there are any."""
        from PIL import Image, ImageDraw

        points_xy = _unpacked(self.points)
        image = Image.new("L", (mask.shape[1], mask.shape[0]))
        draw = ImageDraw.Draw(image)
        if self.kind == "circle":
            centre, border = points_xy
            radius = math.hypot(*(border - centre))
            corners = np.concatenate([centre - radius, centre + radius])
            draw.ellipse(corners.tolist(), outline=1, fill=1)
        elif self.kind == "rectangle":
            corners = np.concatenate([points_xy.min(axis=0), points_xy.max(axis=0)])
            draw.rectangle(corners.tolist(), outline=1, fill=1)
        else:
            draw.polygon(points_xy.reshape(-1).tolist(), outline=1, fill=1)
        mask |= np.asarray(image).astype(np.bool_)
        return image.getbbox() is not None

    def extent(self, _size_hw: tuple[int, int]) -> Extent:
        """The box around it."""
        points_xy = _unpacked(self.points)
        if self.kind == "circle":
            centre, border = points_xy
            radius = math.hypot(*(border - centre))
            points_xy = np.stack([centre - radius, centre + radius])
        x0, y0, x1, y1 = _around(points_xy)
        return x0, y0, x1 + 1, y1 + 1  # its border counts

    def says(self) -> bytes:
        """What makes it the same as another."""
        return self.kind.encode() + b" " + self.points


Shape = Polygon | Ellipse | Runs | Stroke


@dataclass(frozen=True, slots=True)
class Shapes:
    """What an annotation file says of one image; a pixel is marked where any shape covers it.

    Attributes:
        path: the annotation file, for messages.
        shapes: none, where it says that nothing is there.
        size_hw: of the image that they were drawn on; `None` where the file does not say.
    """

    path: Path
    shapes: tuple[Shape, ...] = ()
    size_hw: tuple[int, int] | None = None

    @property
    def sha256(self) -> str:
        """Hash of the pixels that it means, whatever their labels and order, hexadecimal."""
        digest = hashlib.sha256(f"{self.size_hw}".encode())
        for said in sorted({shape.says() for shape in self.shapes}):
            digest.update(b"%d " % len(said) + said)
        return digest.hexdigest()

    @property
    def labels(self) -> tuple[str, ...]:
        """What its shapes mark, each once, sorted."""
        return tuple(sorted({shape.label for shape in self.shapes}))

    @property
    def only_boxes(self) -> bool:
        """Whether all that it marks, it marks by boxes."""
        boxes = [isinstance(one, Polygon | Stroke) and one.is_box for one in self.shapes]
        return bool(boxes) and all(boxes)

    def draw(self, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
        """The pixels that they cover, H x W.

        Raises:
            ImageError: they were drawn on an image of another size, or one covers no pixel.
        """
        if self.size_hw is not None and self.size_hw != tuple(size_hw):
            raise ImageError(f"{self.path}: {_spell_other_size(self.size_hw, size_hw)}")
        mask = np.zeros(size_hw, np.bool_)
        for number, parts in enumerate(_whole(self.shapes), start=1):
            if not sum(part.paint(mask) for part in parts):
                raise ImageError(
                    f"{self.path}: shape {number} that marks a defect, '{parts[0].label}', covers "
                    "no pixel of the image: it lies outside, or is smaller than a pixel; draw it "
                    "anew, or take it away."
                )
        return mask

    def outside(self, size_hw: tuple[int, int]) -> int:
        """How many shapes lie mostly outside of an image, by the boxes around them."""
        return sum(_share_inside(parts, size_hw) < MOSTLY for parts in _whole(self.shapes))


def _share_inside(parts: Sequence[Shape], size_hw: tuple[int, int]) -> float:
    height, width = size_hw
    inside = whole = 0.0
    for x0, y0, x1, y1 in (part.extent(size_hw) for part in parts):
        across, down = min(x1, width) - max(x0, 0), min(y1, height) - max(y0, 0)
        inside += max(across, 0) * max(down, 0)
        whole += (x1 - x0) * (y1 - y0)
    return inside / whole if whole else 1.0


def _around(points_xy: NDArray[np.float64]) -> Extent:
    (x0, y0), (x1, y1) = points_xy.min(axis=0).tolist(), points_xy.max(axis=0).tolist()
    return x0, y0, x1, y1


def _whole(shapes: Sequence[Shape]) -> list[list[Shape]]:
    """Shapes with all their parts."""
    whole: list[list[Shape]] = []
    for shape in shapes:
        if isinstance(shape, Polygon) and shape.goes_on and whole:
            whole[-1].append(shape)
        else:
            whole.append([shape])
    return whole


def polygon(label: str, points: Sequence[Sequence[float]], *, relative: bool = False) -> Polygon:
    """A polygon of corners `(x, y)`. Raises `ValueError` where it is none."""
    if len(points) < FEWEST_CORNERS:
        raise ValueError(f"has {len(points)} points, and a polygon 3 or more.")
    return Polygon(label, packed(points, FARTHEST_SHARE if relative else FARTHEST_PX), relative)


def box(
    label: str,
    corners: tuple[float, float, float, float],
    *,
    degrees: float = 0.0,
    about: tuple[float, float] | None = None,
    relative: bool = False,
) -> Polygon:
    """A box as a polygon.

    Args:
        label: what it marks.
        corners: x0, y0, x1, y1.
        degrees: that it is turned by, clockwise as seen on a screen.
        about: the point that it is turned about; by default its centre.
        relative: whether its corners are shares of the image's width and height.

    Raises:
        ValueError: it is turned inside out, or far outside of any image.
    """
    x0, y0, x1, y1 = corners
    if not (x1 >= x0 and y1 >= y0):
        raise ValueError(f"goes from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}), which is no box.")
    centre = np.array(about or ((x0 + x1) / 2, (y0 + y1) / 2))
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    points = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    if degrees:
        points = (points - centre) @ np.array([[cos, sin], [-sin, cos]]) + centre
    limit = FARTHEST_SHARE if relative else FARTHEST_PX
    return Polygon(label, packed(points.tolist(), limit), relative, is_box=not degrees)


def runs(label: str, lengths: Lengths, box_xyxy: Box) -> Runs:
    """A mask by its run lengths in a box. Raises `ValueError` where they are not those of it."""
    x0, y0, x1, y1 = box_xyxy
    within = 0 <= x0 < x1 <= FARTHEST_PX and 0 <= y0 < y1 <= FARTHEST_PX
    if not within or (x1 - x0) * (y1 - y0) > MOST_PIXELS:
        raise ValueError(f"lies from ({x0}, {y0}) to ({x1}, {y1}), which is in no image.")
    check_lengths(lengths, (y1 - y0, x1 - x0))
    return Runs(label, box_xyxy, lengths.astype("<u4").tobytes())


def runs_of(label: str, mask: NDArray[np.bool_], left_top: tuple[int, int] = (0, 0)) -> Runs:
    """A mask, H x W, as runs, `left_top` being the place of its first pixel in the image."""
    (x0, y0), (height, width) = left_top, mask.shape
    return runs(label, run_lengths(mask), (x0, y0, x0 + width, y0 + height))


def packed(points: Sequence[Sequence[float]], farthest: float = FARTHEST_PX) -> bytes:
    """Points as bytes. Raises `ValueError` where one is nowhere near an image."""
    values = np.asarray(points, "<f8")
    within = np.abs(values) <= farthest
    if not within.all():
        x, y = values[np.argmin(within.all(axis=1))]
        raise ValueError(f"has a point at ({x:g}, {y:g}), which is far outside of any image.")
    return values.tobytes()


def _unpacked(points: bytes) -> NDArray[np.float64]:
    return np.frombuffer(points, "<f8").reshape(-1, 2)


def _spell_other_size(drawn_hw: tuple[int, int], size_hw: tuple[int, int]) -> str:
    if drawn_hw == (size_hw[1], size_hw[0]):
        return (
            f"its shapes were drawn on an image of {spell_size(drawn_hw)}, and the image is "
            f"{spell_size(size_hw)}: it was drawn on before it was turned as its EXIF data say; "
            "save the image upright, and annotate that."
        )
    return (
        f"its shapes were drawn on an image of {spell_size(drawn_hw)} but the image is "
        f"{spell_size(size_hw)}; annotate the image itself, or bring it to that size."
    )
