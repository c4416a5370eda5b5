"""Where a synthetic defect is: the share of each pixel that it covers.

Sizes are shares of the image's shorter side, from a hairline to half the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Cover = NDArray[np.float32]
Rng = np.random.Generator

FINER = 4  # times that lines are drawn larger, so that their edges are smooth


def scratch(rng: Rng, size_hw: tuple[int, int]) -> Cover:
    """A line that bends a little."""
    turn, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.15)
    return _line(rng, size_hw, [turn + bend * step for step in range(8)], _sized(rng, 0.1, 0.9))


def zigzag(rng: Rng, size_hw: tuple[int, int]) -> Cover:
    """A line that breaks off in another direction now and then, as cracks do."""
    turn = rng.uniform(0, 2 * np.pi)
    return _line(rng, size_hw, list(turn + rng.normal(0, 0.7, 10)), _sized(rng, 0.1, 0.7))


def blot(rng: Rng, size_hw: tuple[int, int]) -> Cover:
    """A spot with an uneven edge."""
    radius = _sized(rng, 0.015, 0.2) * min(size_hw)
    row, column = (rng.uniform(0.05, 0.95) * side for side in size_hw)
    rows, columns = np.indices(size_hw, np.float32)
    turn, stretch = rng.uniform(0, np.pi), rng.uniform(1, 2.5)
    along = (columns - column) * math.cos(turn) + (rows - row) * math.sin(turn)
    across = (rows - row) * math.cos(turn) - (columns - column) * math.sin(turn)
    away = np.hypot(along / stretch**0.5, across * stretch**0.5)
    uneven = clouds(rng, size_hw, max(2, round(min(size_hw) / (2 * radius))))
    cover: Cover = np.clip(radius * (1 + 0.3 * uneven) - away + 0.5, 0, 1).astype(np.float32)
    return cover


def stain(rng: Rng, size_hw: tuple[int, int]) -> Cover:
    """A large spot that runs out in lobes."""
    radius = rng.uniform(0.12, 0.4) * min(size_hw)
    row, column = (rng.uniform(0, 1) * side for side in size_hw)
    rows, columns = np.indices(size_hw, np.float32)
    away = np.hypot(columns - column, rows - row)
    uneven = clouds(rng, size_hw, int(rng.integers(2, 6)))
    uneven += 0.4 * clouds(rng, size_hw, int(rng.integers(8, 20)))
    cover: Cover = np.clip(radius * (1 + 0.5 * uneven) - away + 0.5, 0, 1).astype(np.float32)
    return cover


def band(rng: Rng, size_hw: tuple[int, int]) -> Cover:
    """A strip from one side to another."""
    width = _sized(rng, 0.03, 0.3) * min(size_hw)
    rows, columns = np.indices(size_hw, np.float32)
    turn = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
    row, column = (rng.uniform(0.1, 0.9) * side for side in size_hw)
    away = np.abs((columns - column) * math.cos(turn) + (rows - row) * math.sin(turn))
    away += 0.1 * width * clouds(rng, size_hw, int(rng.integers(2, 12)))
    cover: Cover = np.clip(width / 2 - away + 0.5, 0, 1).astype(np.float32)
    return cover


def specks(rng: Rng, size_hw: tuple[int, int]) -> Cover:
    """A few dots near each other."""
    row, column = (rng.uniform(0.1, 0.9) * side for side in size_hw)
    spread = rng.uniform(0.02, 0.15) * min(size_hw)
    cover = np.zeros(size_hw, np.float32)
    rows, columns = np.indices(size_hw, np.float32)
    for _ in range(int(rng.integers(1, 7))):
        radius = _sized(rng, 0.006, 0.03) * min(size_hw)
        away = np.hypot(
            rows - row - rng.normal(0, spread), columns - column - rng.normal(0, spread)
        )
        cover = np.maximum(cover, np.clip(radius - away + 0.5, 0, 1).astype(np.float32))
    return cover


def box(rng: Rng, size_hw: tuple[int, int]) -> Cover:
    """A rectangle, turned or not."""
    half = [_sized(rng, 0.02, 0.2) * min(size_hw) for _ in range(2)]
    row, column = (rng.uniform(0.1, 0.9) * side for side in size_hw)
    rows, columns = np.indices(size_hw, np.float32)
    turn = rng.choice([0.0, rng.uniform(0, np.pi)])
    along = np.abs((columns - column) * math.cos(turn) + (rows - row) * math.sin(turn))
    across = np.abs((rows - row) * math.cos(turn) - (columns - column) * math.sin(turn))
    inside = np.minimum(half[0] - along, half[1] - across)
    cover: Cover = np.clip(inside + 0.5, 0, 1).astype(np.float32)
    return cover


COVERS: dict[str, Callable[[Rng, tuple[int, int]], Cover]] = {
    one.__name__: one for one in (scratch, zigzag, blot, stain, band, specks, box)
}
"""All kinds of places, by name."""


def clouds(rng: Rng, size_hw: tuple[int, int], cells: int) -> Cover:
    """Smooth noise of mean 0 and deviation about 1, with that many cells to the shorter side."""
    short = min(size_hw)
    few = [max(2, round(cells * side / short)) + 3 for side in size_hw]
    noise = Image.fromarray(rng.standard_normal(few).astype(np.float32))
    height, width = size_hw
    wide = noise.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(wide) * np.float32(1.3)


def softened(cover: Cover, sigma_px: float) -> Cover:
    """The cover with soft edges."""
    levels = Image.fromarray(np.rint(255 * cover).astype(np.uint8))
    return _shares(levels.filter(ImageFilter.GaussianBlur(sigma_px)))


def _line(rng: Rng, size_hw: tuple[int, int], turns: list[float], length: float) -> Cover:
    """A line of straight parts, one for each direction."""
    height, width = size_hw
    row, column = (rng.uniform(0.1, 0.9) * side for side in size_hw)
    step = length * min(size_hw) / len(turns)
    points = [(column, row)]
    for turn in turns:
        column, row = column + step * math.cos(turn), row + step * math.sin(turn)
        points.append((column, row))
    thick = _sized(rng, 0.005, 0.04) * min(size_hw)
    large = Image.new("L", (width * FINER, height * FINER))
    drawn = [(FINER * (x + 0.5), FINER * (y + 0.5)) for x, y in points]
    ImageDraw.Draw(large).line(drawn, 255, max(1, round(FINER * thick)), joint="curve")
    return _shares(large.reduce(FINER))


def _shares(levels: Image.Image) -> Cover:
    return np.asarray(levels).astype(np.float32) / np.float32(255)


def _sized(rng: Rng, low: float, high: float) -> float:
    """A size between both, small ones as often as large ones."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
