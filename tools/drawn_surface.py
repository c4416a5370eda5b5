"""A small drawn surface in the layout of MVTec AD: woven cloth with spots, scratches, stains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE_PX = 192


def draw_surface(
    folder: Path, *, seed: int, train: int = 110, good: int = 30, defect: int = 15
) -> None:
    """Write `train/good`, `test/<type>` and `ground_truth/<type>`.

    Args:
        folder: to write to.
        seed: of all pictures.
        train: good training pictures.
        good: good test pictures.
        defect: test pictures of each defect type.
    """
    rng = np.random.default_rng(seed)
    for split, count in (("train", train), ("test", good)):
        for number in range(count):
            save(folder / split / "good" / f"{number:03}.png", weave(rng))
    for kind, plant in (("spot", spot), ("scratch", scratch), ("stain", stain)):
        for number in range(defect):
            shade, mask = plant(rng)
            picture = weave(rng) + shade[..., None]
            save(folder / "test" / kind / f"{number:03}.png", picture)
            truth = folder / "ground_truth" / kind / f"{number:03}_mask.png"
            save(truth, np.repeat(255.0 * mask[..., None], 3, axis=2))


def weave(rng: np.random.Generator) -> NDArray[np.float64]:
    """A good picture: crossing threads, uneven light, grain."""
    rows, columns = np.indices((SIDE_PX, SIDE_PX)).astype(float)
    turn = rng.normal(0, 0.02)
    across = columns * np.cos(turn) + rows * np.sin(turn)
    down = rows * np.cos(turn) - columns * np.sin(turn)
    phase = rng.uniform(0, 2 * np.pi, 2)
    warp = np.sin(across * 0.55 + phase[0] + 0.2 * np.sin(down * 0.05))
    weft = np.sin(down * 0.55 + phase[1] + 0.2 * np.sin(across * 0.04))
    light = 12 * np.sin(rows * 0.015 + rng.uniform(0, 6)) * np.cos(columns * 0.012)
    grey = 128 + 24 * np.maximum(warp, weft) + light + rng.normal(0, 6, rows.shape)
    tint = np.array([1.0, 0.96, 0.88]) * (1 + rng.normal(0, 0.01, 3))
    return grey[..., None] * tint


def spot(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A dark or bright spot."""
    distance = offsets(rng)
    size = rng.uniform(3, 9)
    shade = rng.choice([-1, 1]) * rng.uniform(8, 45) * np.exp(-((distance / size) ** 4))
    return shade, distance < size


def scratch(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A thin straight line."""
    rows, columns = np.indices((SIDE_PX, SIDE_PX)) - rng.uniform(50, SIDE_PX - 50, (2, 1, 1))
    angle, length = rng.uniform(0, np.pi), rng.uniform(25, 80)
    along = rows * np.sin(angle) + columns * np.cos(angle)
    beside = rows * np.cos(angle) - columns * np.sin(angle)
    mask = (np.abs(along) < length / 2) & (np.abs(beside) < 1.5)
    return mask * rng.choice([-1, 1]) * rng.uniform(12, 50), mask


def stain(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A large faint patch that takes the contrast of the threads."""
    distance = offsets(rng)
    size = rng.uniform(12, 28)
    return -rng.uniform(3, 20) * np.exp(-((distance / size) ** 6)), distance < size


def offsets(rng: np.random.Generator) -> NDArray[np.float64]:
    """Distance from a random place, a little oval."""
    place = rng.uniform(35, SIDE_PX - 35, 2)
    rows, columns = np.indices((SIDE_PX, SIDE_PX))
    return np.hypot((rows - place[0]) * rng.uniform(0.8, 1.2), columns - place[1])


def save(path: Path, picture: NDArray[np.float64]) -> None:
    """Write a picture as PNG, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(picture, 0, 255).round().astype(np.uint8)).save(path)
