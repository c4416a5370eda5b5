"""A mask taken apart into its regions: connected pixels, diagonal neighbours included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blemish.images.regions import label_regions
from blemish.images.run_lengths import Lengths

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Part:
    """One region of a mask, by the rows and columns of its pixels."""

    rows: Ints
    columns: Ints

    @property
    def area_px(self) -> int:
        """How many pixels it has."""
        return len(self.rows)

    @property
    def box_xyxy(self) -> tuple[int, int, int, int]:
        """The smallest box around it; `x1` and `y1` exclusive."""
        x0, y0 = int(self.columns.min()), int(self.rows.min())
        return x0, y0, int(self.columns.max()) + 1, int(self.rows.max()) + 1

    def in_box(self) -> NDArray[np.bool_]:
        """Its pixels within its box, H x W."""
        x0, y0, x1, y1 = self.box_xyxy
        mask = np.zeros((y1 - y0, x1 - x0), np.bool_)
        mask[self.rows - y0, self.columns - x0] = True
        return mask

    def run_lengths(self, size_hw: tuple[int, int]) -> Lengths:
        """Its run lengths in an image of that size, as `blemish.images.run_lengths` has them."""
        height, width = size_hw
        places = np.sort(self.columns * height + self.rows)
        first = np.flatnonzero(np.diff(places, prepend=-2) > 1)
        last = np.append(first[1:], len(places)) - 1
        borders = np.stack([places[first], places[last] + 1], axis=1).reshape(-1)
        lengths = np.diff(borders, prepend=0, append=height * width)
        return lengths if lengths[-1] else lengths[:-1]


def parts_of(mask: NDArray[np.bool_]) -> list[Part]:
    """The regions of a mask, H x W, in the order of their first pixels."""
    rows, columns = np.nonzero(mask)
    numbers = label_regions(mask)
    order = np.argsort(numbers, kind="stable")
    borders = np.flatnonzero(np.diff(numbers[order])) + 1
    groups = np.split(order, borders) if len(order) else []
    return [Part(rows[group], columns[group]) for group in groups]
