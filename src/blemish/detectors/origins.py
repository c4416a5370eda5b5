"""Where the vectors of a bank come from: a training image and a place in it, 8 bytes each.

A detector that compares with patches of training images can tell of each which image it is from and
where it lay, so that people see what a part was compared with, and images can be taken out again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from blemish.graph.working_size import WorkingSize

PLACE = np.dtype([("image", "<u4"), ("row", "<u2"), ("column", "<u2")])

Places = NDArray[np.void]  # of `PLACE`, one a vector: number of the image, row and column of a grid


@dataclass(frozen=True, eq=False)
class Origins:
    """Where all vectors of a detector come from.

    Attributes:
        places: of each bank's vectors, by the bank's name.
        sizes_hw: of the training images, in order, as they came.
        multiple: to which working images are padded, pixels.
    """

    places: Mapping[str, Places]
    sizes_hw: Sequence[tuple[int, int]]
    multiple: int


@runtime_checkable
class TellsOrigins(Protocol):
    """What a fitted detector has besides where it knows them."""

    @property
    def origins(self) -> Origins:
        """Of all its banks."""
        ...


def places_of(
    rows: NDArray[np.int64], starts: NDArray[np.int64], inside_hw: Sequence[tuple[int, int]]
) -> Places:
    """Where some patches lie.

    Args:
        rows: of the patches, counted image after image, row after row.
        starts: how many patches there are before each image, and in all.
        inside_hw: of each image's grid.
    """
    found = np.zeros(len(rows), PLACE)
    image = np.searchsorted(starts, rows, side="right") - 1
    cell, width = rows - starts[image], np.array([width for _, width in inside_hw])[image]
    found["image"], found["row"], found["column"] = image, cell // width, cell % width
    return found


def box_of(
    place: tuple[int, int],
    size_hw: tuple[int, int],
    grid_hw: tuple[int, int],
    working: WorkingSize,
    *,
    reach: int = 0,
) -> tuple[int, int, int, int]:
    """The box of a cell in pixels of its image, `(x0, y0, x1, y1)`, `x1` and `y1` exclusive.

    Args:
        place: row and column of the cell.
        size_hw: of the image.
        grid_hw: of the cells over the padded working image.
        working: how it was resized.
        reach: how many cells to each side belong to it.
    """
    ends = []
    content, padded = working.working_hw(size_hw)
    for at, length, cells, inside, whole in zip(
        place, size_hw, grid_hw, content, padded, strict=True
    ):
        unit = whole / cells * length / inside
        first = min(max(int((at - reach) * unit), 0), length - 1)
        ends.append((first, min(max(round((at + 1 + reach) * unit), first + 1), length)))
    (y0, y1), (x0, x1) = ends
    return x0, y0, x1, y1


def cells_inside(
    size_hw: tuple[int, int], grid_hw: tuple[int, ...], working: WorkingSize
) -> NDArray[np.bool_]:
    """Which cells of a grid show an image of that size, h x w."""
    rows, columns = working.cells_inside(size_hw, grid_hw)
    inside = np.zeros(grid_hw, np.bool_)
    inside[:rows, :columns] = True
    return inside


def cells_of(
    pixels: NDArray[np.bool_], grid_hw: tuple[int, ...], working: WorkingSize
) -> NDArray[np.bool_]:
    """The cells that some pixels of an image, H x W, lie in."""
    size_hw = (pixels.shape[0], pixels.shape[1])
    content, padded = working.working_hw(size_hw)
    last, cells = working.cells_inside(size_hw, grid_hw), []
    for at, length, inside, whole, count, most in zip(
        np.nonzero(pixels), size_hw, content, padded, grid_hw, last, strict=True
    ):
        place = (at + 0.5) / length * inside / (whole / count)
        cells.append(np.minimum(place.astype(np.intp), most - 1))
    marked = np.zeros(grid_hw, np.bool_)
    marked[tuple(cells)] = True
    return marked
