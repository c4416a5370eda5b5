"""Where a part lies: how the reference is to be moved to lie on an image.

Convention: a point is `(x, y)` from the middle of the image, in halves of its longer side, so that
it says the same of an image and of one that was made smaller. `point in the image = scale x
turned(point in the reference) + shift`; y goes down, so degrees are clockwise as seen on a screen.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

SHIFT_X, SHIFT_Y, DEGREES, AGREEMENT, SCALE = range(5)  # of the graph's output `alignment`


Kind = TypeVar("Kind", bound=np.generic)


class Motion(NamedTuple):
    """How a part lies, and how surely.

    Attributes:
        shift_xy_px: of the reference's middle, in pixels of the image: right and down.
        degrees: that it is turned about there, clockwise.
        scale: how many times as large it is.
        agreement: correlation of image and reference once aligned, of what both show; 1 at most.
    """

    shift_xy_px: tuple[float, float]
    degrees: float
    scale: float
    agreement: float

    @classmethod
    def of_output(cls, values: NDArray[np.float32]) -> Motion:
        """From a row of the graph's output `alignment`."""
        numbers = values.tolist()
        scale = numbers[SCALE] if len(numbers) > SCALE else 1.0
        shift_xy = numbers[SHIFT_X], numbers[SHIFT_Y]
        return cls(shift_xy, numbers[DEGREES], scale, numbers[AGREEMENT])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self._asdict() | {"shift_xy_px": list(self.shift_xy_px)}

    def on_image(self, values: NDArray[Kind]) -> NDArray[Kind]:
        """What is drawn on the reference (H x W) as it lies on the image; 0 beyond it."""
        height, width = values.shape
        x, y = self.on_reference(np.arange(width), np.arange(height)[:, None], values.shape)
        columns, rows = np.rint(x).astype(int), np.rint(y).astype(int)
        shown = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
        found = np.zeros_like(values)
        found[shown] = values[rows[shown], columns[shown]]
        return found

    def pixels_on_image(
        self, pixels: NDArray[np.int64], size_hw: tuple[int, int]
    ) -> NDArray[np.int64]:
        """Where pixels of the reference lie on the image, both by numbers counted row by row.

        Those that lie beyond it are the nearest at its border.
        """
        height, width = size_hw
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        rows, columns = np.divmod(pixels, width)
        right, down = (columns - middle_x) * self.scale, (rows - middle_y) * self.scale
        cos, sin = np.cos(np.radians(self.degrees)), np.sin(np.radians(self.degrees))
        x = cos * right - sin * down + middle_x + self.shift_xy_px[0]
        y = sin * right + cos * down + middle_y + self.shift_xy_px[1]
        columns, rows = (
            np.clip(np.rint(at), 0, side - 1).astype(np.int64)
            for at, side in ((x, width), (y, height))
        )
        numbers: NDArray[np.int64] = rows * width + columns
        return numbers

    def on_reference(
        self, x: ArrayLike, y: ArrayLike, size_hw: tuple[int, ...]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where pixels of an image lie on the reference, in pixels."""
        height, width = size_hw
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        right = np.asarray(x, np.float64) - middle_x - self.shift_xy_px[0]
        down = np.asarray(y, np.float64) - middle_y - self.shift_xy_px[1]
        cos, sin = np.cos(np.radians(self.degrees)), np.sin(np.radians(self.degrees))
        return (
            (cos * right + sin * down) / self.scale + middle_x,
            (cos * down - sin * right) / self.scale + middle_y,
        )


def places(count: int, side_px: int, longer_px: int) -> NDArray[np.float64]:
    """Where the centres of equal cells along a side lie, in halves of the longer side."""
    return ((np.arange(count) + 0.5) / count - 0.5) * side_px / (longer_px / 2)
