"""Nodes that draw an image as it lies after a motion, or back.

Convention: of `alignment.motion`; a grid is N x h x w x 2, as `GridSample` takes it: x, then y,
from -1 to 1 between the outer edges of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

from blemish.alignment.motion import places
from blemish.graph.builder import FLOAT, GraphBuilder

ROUNDING = 1e-5  # of places, so that what was not moved is shown to its last row
LINEAR_SINCE = 20  # the opset that calls bilinear so


@dataclass(frozen=True)
class Moved:
    """Names of a motion's numbers, each N x 1: radians, logarithm of the scale, shifts."""

    turn: str
    log_scale: str
    right: str
    down: str


@dataclass(frozen=True)
class Placing:
    """Where the cells of images of one size lie.

    Attributes:
        g: where nodes are added.
        size_hw: of the images.
        opset: of the graph in the end.
    """

    g: GraphBuilder
    size_hw: tuple[int, int]
    opset: int

    def turning(self, turn: str, log_scale: str) -> tuple[str, str]:
        """Scale times cosine and sine."""
        g, scale = self.g, self.g.op("Exp", log_scale)
        return g.op("Mul", g.op("Cos", turn), scale), g.op("Mul", g.op("Sin", turn), scale)

    def on_image(self, moved: Moved, cells_hw: tuple[int, int]) -> tuple[str, str]:
        """Where on the image each cell of the reference lies; see `_grid`."""
        cos, sin = self.turning(moved.turn, moved.log_scale)
        return self._grid((cos, sin), (moved.right, moved.down), cells_hw)

    def on_reference(self, moved: Moved, cells_hw: tuple[int, int]) -> tuple[str, str]:
        """Where on the reference each cell of the image lies; see `_grid`."""
        g = self.g
        cos, sin = self.turning(g.op("Neg", moved.turn), g.op("Neg", moved.log_scale))
        right = g.op("Sub", g.op("Mul", sin, moved.down), g.op("Mul", cos, moved.right))
        across = g.op("Mul", sin, moved.right)
        down = g.op("Neg", g.op("Add", across, g.op("Mul", cos, moved.down)))
        return self._grid((cos, sin), (right, down), cells_hw)

    def sampled(self, values: str, grid: str) -> str:
        """Values (N x C x H x W) between their cells; 0 counts beyond them."""
        mode = "linear" if self.opset >= LINEAR_SINCE else "bilinear"
        return self.g.op(
            "GridSample", values, grid, mode=mode, padding_mode="zeros", align_corners=0
        )

    def _grid(
        self, turning: tuple[str, str], shift: tuple[str, str], cells_hw: tuple[int, int]
    ) -> tuple[str, str]:
        """Cells turned and shifted, and which of them are there.

        Returns:
            A grid; and N x h x w, 1 or 0: whether they lie between centres of cells, so that
            nothing beyond has a say in what is sampled there.
        """
        g, longer = self.g, max(self.size_hw)
        y, x = (
            g.constant(places(cells, side, longer).reshape(shape))
            for cells, side, shape in zip(
                cells_hw, self.size_hw, ((1, -1, 1), (1, 1, -1)), strict=True
            )
        )
        cos, sin, right, down = (g.op("Unsqueeze", one, g.ints(2)) for one in (*turning, *shift))
        rows = g.op("Add", g.op("Mul", sin, x), g.op("Add", g.op("Mul", cos, y), down))
        columns = g.op("Add", g.op("Mul", cos, x), g.op("Sub", right, g.op("Mul", sin, y)))
        rows, columns = (
            one if side == longer else g.op("Mul", one, g.number(longer / side))
            for one, side in zip((rows, columns), self.size_hw, strict=True)
        )
        far = [
            g.op("Mul", g.magnitude(one), g.number(1 / (1 - 1 / cells)))
            for one, cells in zip((rows, columns), cells_hw, strict=True)
        ]
        there = g.op("LessOrEqual", g.op("Max", *far), g.number(1.0 + ROUNDING))
        pair = (g.op("Unsqueeze", one, g.ints(3)) for one in (columns, rows))
        return g.op("Concat", *pair, axis=3), g.op("Cast", there, to=FLOAT)
