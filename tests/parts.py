"""Parts that lie anywhere, drawn exactly: what an image shows is known at every place.

A pale card with a dark corner, two bars and a disc on a dark ground; no other turn of it looks the
same. Convention: of `blemish.alignment`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 96
SPOT = (0.15, -0.12)  # where a defect is on the card, in halves of the longer side
SPOT_HALF = 0.07


def drawn_part(
    right=0.0,
    down=0.0,
    degrees=0.0,
    scale=1.0,
    *,
    size_hw=(SIDE, SIDE),
    seed=0,
    spot=False,
    noise=2.0,
):
    """An image of the card, shifted by pixels and turned clockwise.

    Returns:
        The image, H x W x 3, uint8; and the mask of its defect, H x W.
    """
    rng = np.random.default_rng(seed)
    height, width = size_hw
    half = max(size_hw) / 2
    y, x = np.indices(size_hw, float)
    x, y = (x - (width - 1) / 2 - right) / half, (y - (height - 1) / 2 - down) / half
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y = (cos * x + sin * y) / scale, (cos * y - sin * x) / scale
    soft = 1 / half

    def box(left, top, right, bottom):
        edges = (x - left, right - x, y - top, bottom - y)
        return np.prod([np.clip(edge / soft + 0.5, 0, 1) for edge in edges], axis=0)

    grey = 50 + 150 * box(-0.55, -0.35, 0.55, 0.35)
    grey -= 110 * box(-0.5, -0.3, -0.25, -0.05)
    grey -= 70 * box(-0.1, 0.1, 0.48, 0.16) + 70 * box(-0.1, 0.22, 0.3, 0.28)
    grey -= 60 * np.clip((0.1 - np.hypot(x - 0.35, y + 0.2)) / soft + 0.5, 0, 1)
    mask = box(*(at - SPOT_HALF for at in SPOT), *(at + SPOT_HALF for at in SPOT)) > 0.5
    if spot:
        grey = np.where(mask, 20.0, grey)
    grey = grey * rng.uniform(0.95, 1.05) + rng.normal(0, noise, size_hw)
    image = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return np.repeat(image[:, :, None], 3, axis=2), mask & spot


def part_dataset(folder: Path, *, good=24, moved=False, seed=0) -> Path:
    """Write a category of cards; those of the tests are moved."""
    rng = np.random.default_rng(seed)
    for split, kind, count in (("train", "good", good), ("test", "good", 4), ("test", "spot", 4)):
        for number in range(count):
            off = moved or split == "test"
            right, down, degrees = rng.uniform(-1, 1, 3) * ((9, 9, 10) if off else (0.5, 0.5, 0.5))
            image, mask = drawn_part(
                right, down, degrees, seed=int(rng.integers(1 << 30)), spot=kind == "spot"
            )
            _write(folder / split / kind / f"{number:03}.png", image)
            if kind == "spot":
                name = f"{number:03}_mask.png"
                _write(folder / "ground_truth" / kind / name, mask.astype(np.uint8) * 255)
    return folder


def _write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
