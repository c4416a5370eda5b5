"""Small images made by the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Write an image of noise: one seed, one content. Gives its path below `tmp_path`."""

    def write(name: str, seed: int | None = None, size_hw: tuple[int, int] = (24, 20)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        seed = write.drawn if seed is None else seed  # type: ignore[attr-defined]
        write.drawn += 1  # type: ignore[attr-defined]
        noise = np.random.default_rng(seed).integers(0, 256, size_hw, dtype=np.uint8)
        Image.fromarray(noise).save(path)
        return path

    write.drawn = 1000  # type: ignore[attr-defined]
    return write


@pytest.fixture
def mask(tmp_path: Path) -> Draw:
    """Write a mask with a white square, or an empty one. Gives its path below `tmp_path`."""

    def write(name: str, size_hw: tuple[int, int] = (24, 20), value: int = 255) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.zeros(size_hw, np.uint8)
        values[2:6, 3:8] = value
        Image.fromarray(values).save(path)
        return path

    return write
