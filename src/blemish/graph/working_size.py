"""How large a working image is: what images of any size become before a network sees them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal, get_args

Resizing = Literal["stretch", "shorter", "longer"]
WAYS_TO_RESIZE: tuple[str, ...] = get_args(Resizing)


@dataclass(frozen=True)
class WorkingSize:
    """How images of any size become working images.

    `stretch` gives every image `size_hw`; `shorter` scales the shorter side to `size_hw[0]` and
    keeps the aspect, `longer` the longer side; both pad to a multiple of `multiple` pixels.
    """

    size_hw: tuple[int, int]
    resize: str = "stretch"
    multiple: int = 1

    def working_hw(self, image_hw: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """(content_hw, padded_hw) of an image of that size; twin of `preprocessing.geometry`."""
        if self.resize == "stretch":
            return self.size_hw, self.size_hw
        side = min(image_hw) if self.resize == "shorter" else max(image_hw)
        content = tuple(max(1, self.size_hw[0] * length // side) for length in image_hw)
        padded = tuple(-(-length // self.multiple) * self.multiple for length in content)
        return (content[0], content[1]), (padded[0], padded[1])

    @property
    def always_even(self) -> bool:
        """Whether height and width are even whatever the image's size."""
        sides = self.size_hw if self.resize == "stretch" else (self.multiple,)
        return all(side % 2 == 0 for side in sides)

    def cells_inside(self, image_hw: tuple[int, int], grid_hw: tuple[int, ...]) -> tuple[int, int]:
        """How many cells of a grid over the padded image have their centre on the image."""
        content, padded = self.working_hw(image_hw)
        rows, columns = (
            max(1, ceil(inside * cells / whole - 0.5))
            for inside, cells, whole in zip(content, grid_hw, padded, strict=True)
        )
        return rows, columns
