"""How large a working image is: what images of any size become before a network sees them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import ceil
from typing import Literal

from blemish.graph.tile_grid import Tiles

Resizing = Literal["stretch", "shorter", "longer", "scale"]
WAYS_TO_RESIZE = ("stretch", "shorter", "longer")  # to a size; `scale` is told by a number
THOUSANDTHS = 1000  # in which a scale is held, so that sizes are whole numbers exactly


@dataclass(frozen=True)
class WorkingSize:
    """How images of any size become working images.

    `stretch` gives every image `size_hw`; `shorter` scales the shorter side to `size_hw[0]` and
    keeps the aspect, `longer` the longer side, and `scale` multiplies both by a number; these pad
    to a multiple of `multiple` pixels, and to a tile at least.

    Attributes:
        size_hw: height and width; with `scale` those of a tile.
        resize: which way.
        multiple: of pixels that is padded to.
        tiles: that a working image is looked at in; `None` for all at once.
        scale: of a working image beside the image, in thousandths.
    """

    size_hw: tuple[int, int]
    resize: str = "stretch"
    multiple: int = 1
    tiles: Tiles | None = None
    scale: int = THOUSANDTHS

    def working_hw(self, image_hw: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """(content_hw, padded_hw) of an image of that size; twin of `preprocessing.geometry`."""
        if self.resize == "stretch":
            return self.size_hw, self.size_hw
        times, by = self._ratio(image_hw)
        content = tuple(max(1, times * length // by) for length in image_hw)
        padded = tuple(-(-length // self.multiple) * self.multiple for length in content)
        if self.tiles is not None:
            padded = tuple(map(max, padded, self.tiles.size_hw))
        return (content[0], content[1]), (padded[0], padded[1])

    def _ratio(self, image_hw: tuple[int, int]) -> tuple[int, int]:
        if self.resize == "scale":
            return self.scale, THOUSANDTHS
        return self.size_hw[0], min(image_hw) if self.resize == "shorter" else max(image_hw)

    @property
    def seen_hw(self) -> tuple[int, int]:
        """What a network sees at once: a tile, or the working image."""
        return self.size_hw if self.tiles is None else self.tiles.size_hw

    def corners(self, image_hw: tuple[int, int]) -> list[tuple[int, int]]:
        """Origins of the tiles of an image of that size, row after row; none without tiles."""
        if self.tiles is None:
            return []
        height, width = self.working_hw(image_hw)[1]
        return list(product(self.tiles.origins(height, 0), self.tiles.origins(width, 1)))

    @property
    def always_even(self) -> bool:
        """Whether height and width are even whatever the image's size."""
        fixed = self.resize == "stretch" or self.tiles is not None
        sides = self.seen_hw if fixed else (self.multiple,)
        return all(side % 2 == 0 for side in sides)

    def cells_inside(self, image_hw: tuple[int, int], grid_hw: tuple[int, ...]) -> tuple[int, int]:
        """How many cells of a grid over the padded image have their centre on the image."""
        content, padded = self.working_hw(image_hw)
        rows, columns = (
            max(1, ceil(inside * cells / whole - 0.5))
            for inside, cells, whole in zip(content, grid_hw, padded, strict=True)
        )
        return rows, columns
