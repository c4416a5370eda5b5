"""Where tiles lie on a working image: equal ones, spread evenly, the last ending at its border.

Convention: a tile's origin is its first row and column, a multiple of the coarsest stride of what
looks at it, so that its cells are those of the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tiles:
    """Parts that a working image is looked at in, one after the other.

    Attributes:
        size_hw: height and width in pixels of the working image, multiples of `step_px`.
        overlap_px: by which two that lie side by side overlap at least.
        step_px: what origins are multiples of.
    """

    size_hw: tuple[int, int]
    overlap_px: int
    step_px: int

    def most_apart_px(self, axis: int) -> int:
        """From one origin to the next, at most."""
        room = self.size_hw[axis] - self.overlap_px
        return max(1, room // self.step_px) * self.step_px

    def origins(self, length_px: int, axis: int) -> list[int]:
        """Along an axis of that length, which is a tile or more and a multiple of `step_px`."""
        steps = (length_px - self.size_hw[axis]) // self.step_px
        gaps = -(-steps // (self.most_apart_px(axis) // self.step_px))
        return [i * steps // max(1, gaps) * self.step_px for i in range(gaps + 1)]
