"""Training images once they have been looked at, and the grids that their patches lie on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from blemish.search.vectors import Vectors


class SeenImages:
    """Images in order, each added as it is seen.

    Attributes:
        names, split_keys, sizes_hw, grids_hw, inside_hw: of the images, of the grids of their
            patches, and of the part of each grid that shows the image.
    """

    def __init__(self, sizes_hw: Sequence[tuple[int, int]]) -> None:
        self.names: list[str] = []
        self.split_keys: list[str] = []
        self.sizes_hw = list(sizes_hw)
        self.grids_hw: list[tuple[int, int]] = []
        self.inside_hw: list[tuple[int, int]] = []

    def see(self, name: str, grid_hw: Sequence[int], inside_hw: tuple[int, int]) -> None:
        """Add the next image."""
        self.names.append(name)
        self.grids_hw.append((grid_hw[0], grid_hw[1]))
        self.inside_hw.append(inside_hw)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """How many patches there are before each image, and in all."""
        counts = [height * width for height, width in self.inside_hw]
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def on_grid(self, image: int, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of an image's patches on its grid, 1 x h x w; padding reads 0."""
        height, width = self.inside_hw[image]
        grid = np.zeros((1, *self.grids_hw[image]), np.float32)
        grid[0, :height, :width] = scores.reshape(height, width)
        return grid


def inside(grid: Vectors, inside_hw: tuple[int, int]) -> Vectors:
    """The patches of a grid, h x w x D, that show the image, row after row."""
    height, width = inside_hw
    return grid[:height, :width].reshape(-1, grid.shape[2])
