"""The pixels of an image that are inspected, zone by zone, and what a detector sees of it.

What is inspected is cut out by the box around it, and what else the box holds is filled with one
colour. So nothing that lies outside can reach a feature, a bank, a score or a map. For a detector
that has learned from whole images already they stay whole, and zones are of its map alone.

Convention: an image is H x W x 3; `labels` are H x W.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.errors import ImageError
from blemish.images.exposure import Blocks, blocks_within
from blemish.images.run_lengths import check_lengths, from_text, mask_of, run_lengths, to_text

LONGEST = 1 << 15  # characters of a text in a file's facts
MOST_PIXELS = 1 << 28  # of an image, whatever a file says

Colour = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Inspected:
    """What is inspected of images of one size.

    Attributes:
        labels: H x W, uint8: 0 where nothing is inspected, n in the n-th zone; not all are 0.
        names: of the zones, the first that of label 1.
        shares: of the false alarms that may come from each, together 1; empty where one threshold
            is that of all.
        smallest_px: regions of fewer pixels are not shown in each; empty where nothing is said.
        cut: whether a detector sees nothing else; else zones are of its map alone.
    """

    labels: NDArray[np.uint8]
    names: tuple[str, ...]
    shares: tuple[float, ...] = ()
    smallest_px: tuple[int, ...] = ()
    cut: bool = True

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.labels.shape[0], self.labels.shape[1]

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Which pixels are inspected, H x W."""
        inspected: NDArray[np.bool_] = self.labels != 0
        return inspected

    @cached_property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of what a detector sees: the smallest box around them, or all."""
        if not self.cut:
            return slice(0, self.size_hw[0]), slice(0, self.size_hw[1])
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

    @property
    def box_hw(self) -> tuple[int, int]:
        """Height and width of that box."""
        rows, columns = self.box
        return rows.stop - rows.start, columns.stop - columns.start

    @cached_property
    def mask_in_box(self) -> NDArray[np.bool_]:
        """Which pixels of the box are inspected."""
        return np.ascontiguousarray(self.mask[self.box])

    @cached_property
    def fills_its_box(self) -> bool:
        """Whether all of them are."""
        return bool(self.mask_in_box.all())

    @cached_property
    def points_in_box(self) -> tuple[Blocks, bool]:
        """Points of the box that tell of the exposure of what is inspected."""
        return blocks_within(self.mask_in_box)

    @cached_property
    def points(self) -> tuple[Blocks, bool]:
        """The same points of a whole image."""
        blocks, have_neighbours = self.points_in_box
        rows, columns = np.divmod(blocks, self.box_hw[1])
        top, left = (side.start for side in self.box)
        return (rows + top) * self.size_hw[1] + columns + left, have_neighbours

    def seen(self, image: NDArray[Any], fill: Sequence[int]) -> NDArray[Any]:
        """What a detector sees of an image: the box, filled outside of the zones; or all of it.

        Args:
            image: H x W x 3.
            fill: the colour, in the image's values.
        """
        cut = image[self.box]
        if self.fills_its_box or not self.cut:
            return np.ascontiguousarray(cut)
        return np.where(self.mask_in_box[:, :, None], cut, np.asarray(fill, image.dtype))

    def placed(self, score_map: NDArray[np.float32]) -> NDArray[np.float32]:
        """A map of the box as one of the image: 0 outside of the zones."""
        placed = np.zeros(self.size_hw, np.float32)
        placed[self.box] = np.where(self.mask_in_box, score_map, np.float32(0))
        return placed

    def peaks(self, box_map: NDArray[np.float32]) -> NDArray[np.float64]:
        """The highest of each zone of a map of the box."""
        labels = self.labels[self.box]
        each = range(1, len(self.names) + 1)
        return np.array([box_map[labels == number].max() for number in each], np.float64)

    def name_at(self, point_xy: tuple[int, int]) -> str:
        """Of the zone that a pixel is in."""
        x, y = point_xy
        return self.names[int(self.labels[y, x]) - 1]

    def name_near(self, point_xy: tuple[float, float]) -> str:
        """Of the zone that is nearest to a point."""
        x, y = point_xy
        height, width = self.size_hw
        column, row = (min(max(round(v), 0), n - 1) for v, n in ((x, width), (y, height)))
        if not self.labels[row, column]:
            rows, columns = np.nonzero(self.mask)
            nearest = int(np.argmin((rows - y) ** 2 + (columns - x) ** 2))
            row, column = int(rows[nearest]), int(columns[nearest])
        return self.name_at((column, row))

    def check(self, size_hw: tuple[int, int], name: str) -> None:
        """Raise `ImageError` where an image is not of the size that the zones were drawn for."""
        if size_hw != self.size_hw:
            raise ImageError(
                f"{name}: is {_spell(size_hw)}, and the zones are drawn for images of "
                f"{_spell(self.size_hw)} (width x height)."
            )

    def runs(self) -> tuple[tuple[str, ...], ...]:
        """The pixels of each zone as text, in pieces: run lengths in COCO's way."""
        texts = (to_text(run_lengths(self.labels == n + 1)) for n in range(len(self.names)))
        return tuple(
            tuple(text[at : at + LONGEST] for at in range(0, len(text), LONGEST)) for text in texts
        )

    @classmethod
    def of_runs(
        cls,
        size_hw: tuple[int, int],
        names: Sequence[str],
        runs: Sequence[Sequence[str]],
        shares: tuple[float, ...] = (),
        smallest_px: tuple[int, ...] = (),
        *,
        cut: bool = True,
    ) -> Inspected:
        """What `runs` gave as text. Raises `ValueError` where that cannot be."""
        if size_hw[0] * size_hw[1] > MOST_PIXELS:
            raise ValueError("they are of images that are too large.")
        labels = np.zeros(size_hw, np.uint8)
        alike = all(len(values) in (0, len(names)) for values in (shares, smallest_px))
        if not (0 < len(names) == len(runs) <= np.iinfo(np.uint8).max and alike):
            raise ValueError("zones and their names are not as many.")
        for number, pieces in enumerate(runs, start=1):
            lengths = from_text("".join(pieces))
            check_lengths(lengths, size_hw)
            labels[mask_of(lengths, size_hw)] = number
        if not all((labels == number).any() for number in range(1, len(names) + 1)):
            raise ValueError("a zone has no pixel.")
        return cls(labels, tuple(names), shares, smallest_px, cut)


def _spell(size_hw: tuple[int, int]) -> str:
    return f"{size_hw[1]} x {size_hw[0]} pixels"
