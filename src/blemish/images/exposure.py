"""How an image is exposed, part by part: bright, rich in contrast, sharp, whatever it shows.

An image is looked at in blocks, since a defect changes some of them and a lamp, a lens or another
part nearly all. Of each block the same points are taken in every image, jittered because a regular
grid would beat with regular textures, with their neighbours to the right and below. The graph of a
model does the same (`graph.inspectable`).

Convention: `blocks` are B x P numbers of pixels, counted row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

ACROSS, SIDE = 4, 32  # blocks along either axis of an image, and points along either axis of one
BLOCKS = ACROSS * ACROSS
STEP = 64  # of a grid line that points are drawn in: what their places are counted in
NEAR_PX, FAR_PX = 1, 4  # neighbours; blurring makes the near ones alike first
GREY_LEVEL = 1 / 256  # of white; brightness and contrast of less are none
FAINT = 1 / 4096  # of white; differences of less are none
MAP_POINTS = 64  # of a block, that tell of a score map
OVER_SHARE = 0.75  # of a map, that its level is exceeded in

Blocks = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """How the blocks of an image are exposed, each B values.

    Attributes:
        brightness, contrast: mean and standard deviation of the grey.
        near, far: mean differences between the grey of pixels `NEAR_PX` and `FAR_PX` apart.
    """

    brightness: NDArray[np.float32]
    contrast: NDArray[np.float32]
    near: NDArray[np.float32]
    far: NDArray[np.float32]

    def logarithms(self, white_level: int) -> NDArray[np.float64]:
        """Brightness, contrast and sharpness, 3 x B, as logarithms of shares of white.

        Args:
            white_level: the value that counts as white.
        """
        grey = np.stack([self.brightness, self.contrast]).astype(np.float64) / white_level
        apart = np.stack([self.near, self.far]).astype(np.float64) / white_level
        near, far = np.log(apart + FAINT)
        return np.stack([*np.log(grey + GREY_LEVEL), near - far])


def grid_lines() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where rows and columns of points are, in parts of `STEP * ACROSS * SIDE` of the image.

    They have four axes each, so that both together are blocks along the first two and points of
    a block along the others.
    """
    jitter = np.random.default_rng(0).integers(STEP, size=(2, ACROSS * SIDE))
    rows, columns = jitter + np.arange(ACROSS * SIDE) * STEP
    return rows.reshape(ACROSS, 1, SIDE, 1), columns.reshape(1, ACROSS, 1, SIDE)


@lru_cache(maxsize=16)  # images of a line have one size
def even_blocks(size_hw: tuple[int, int]) -> Blocks:
    """Points all over an image, in blocks; of small images some come more than once."""
    rows, columns = (
        line * side // (STEP * ACROSS * SIDE)
        for line, side in zip(grid_lines(), size_hw, strict=True)
    )
    points: Blocks = (rows * size_hw[1] + columns).reshape(BLOCKS, SIDE * SIDE)
    return points


def blocks_within(mask: NDArray[np.bool_]) -> tuple[Blocks, bool]:
    """Points where a mask is true, in bands from its top to its bottom.

    Returns:
        The points, and whether they have all their neighbours within the mask, too; in a mask too
        thin for that, no neighbours must be looked at.
    """
    inner = mask.copy()
    for px in (NEAR_PX, FAR_PX):
        inner[:-px] &= mask[px:]
        inner[:, :-px] &= mask[:, px:]
    inner[-FAR_PX:] = inner[:, -FAR_PX:] = False
    own = np.flatnonzero(inner)
    has_neighbours = len(own) >= BLOCKS * SIDE
    if not has_neighbours:
        own = np.flatnonzero(mask)
    each = min(SIDE * SIDE // 4, max(1, len(own) // BLOCKS))
    chosen = np.linspace(0, len(own) - 1, BLOCKS * each).round().astype(np.int64)
    return own[chosen].reshape(BLOCKS, each), has_neighbours


def exposure_of(image: NDArray[Any], within: tuple[Blocks, bool] | None = None) -> Exposure:
    """How an image is exposed, H x W x 3, in its own values.

    Args:
        image: of any size.
        within: points that are looked at, as `blocks_within` gives them; by default all over.
    """
    height, width = image.shape[:2]
    blocks, has_neighbours = within or (even_blocks((height, width)), True)
    rows, columns = np.divmod(blocks, width)
    pixels = image.reshape(height * width, 3)
    whole = _grey(pixels) if len(pixels) < blocks.size else None  # each is looked at several times

    def grey(down: int, right: int) -> NDArray[np.float32]:
        places = np.minimum(rows + down, height - 1) * width
        places += np.minimum(columns + right, width - 1)
        return _grey(pixels[places]) if whole is None else whole[places]

    own = grey(0, 0)

    def difference(px: int) -> NDArray[np.float32]:
        px *= has_neighbours
        either = np.abs(own - grey(0, px)) + np.abs(own - grey(px, 0))
        mean: NDArray[np.float32] = either.mean(axis=1) / 2
        return mean

    return Exposure(own.mean(axis=1), own.std(axis=1), difference(NEAR_PX), difference(FAR_PX))


def _grey(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """The mean of the colours, along the last axis."""
    red, green, blue = np.moveaxis(pixels.astype(np.float32), -1, 0)
    mean: NDArray[np.float32] = (red + green + blue) / np.float32(3)
    return mean


def level_of(score_map: NDArray[np.float32], blocks: Blocks | None = None) -> float:
    """What three quarters of a map lie above: a defect moves it little, another part much.

    Args:
        score_map: H x W.
        blocks: points that are looked at; by default all over.
    """
    height, width = score_map.shape
    places = map_points(even_blocks((height, width)) if blocks is None else blocks)
    values = np.sort(score_map.reshape(-1)[places])
    return float(values[level_rank(len(places)) - 1])


def map_points(blocks: Blocks) -> NDArray[np.int64]:
    """Those of the points that tell of a map."""
    return np.ascontiguousarray(blocks[:, :: max(1, blocks.shape[1] // MAP_POINTS)]).ravel()


def level_rank(points: int) -> int:
    """Which of so many values of a map is its level, counted from the lowest."""
    return max(1, round((1 - OVER_SHARE) * points))
