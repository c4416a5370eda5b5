"""Drawn surfaces as data sets, without a file: `open_dataset("surfaces/tile")`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blemish.data.dataset import Dataset
from blemish.data.sample import Sample
from blemish.images.header import READER, ImageFacts, Reader
from blemish.images.read import as_image
from blemish.result import GOOD
from blemish.surfaces.drawing import DIFFICULTY, SIZE_PX, SURFACES, Drawing, drawings

DRAWN = "surfaces"  # what drawn data sets go by


@dataclass(frozen=True)
class DrawnSample(Sample):
    """A sample without a file, drawn anew each time it is read; `path` is only a name for it."""

    drawing: Drawing = field(kw_only=True)

    @property
    def sha256(self) -> str:
        """Hash of what determines the image."""
        return self.drawing.sha256

    @property
    def mask_sha256(self) -> str | None:
        """The same hash, as it determines the mask too; `None` for a good image."""
        return None if self.label == GOOD else self.drawing.sha256

    def probe(self, reader: Reader = READER) -> ImageFacts:  # noqa: ARG002
        """Size and depth, without drawing."""
        side = self.drawing.size_px
        return ImageFacts((side, side), 8, "rgb", has_alpha=False, format="drawn")

    def read(self, reader: Reader = READER) -> NDArray[Any]:
        """Draw the image, H x W x 3, uint8. Raises `ImageError` where it is over the limits."""
        return as_image(self.drawing.draw()[0], reader)

    def read_mask(
        self,
        size_hw: tuple[int, int],  # noqa: ARG002
        reader: Reader = READER,  # noqa: ARG002
    ) -> NDArray[np.bool_] | None:
        """Draw the mask, H x W, True where defective."""
        return self.drawing.draw()[1]


def category_paths() -> dict[str, Path]:
    """What to open each drawn category by, by its name, sorted."""
    return {name: Path(DRAWN, name) for name in sorted(SURFACES)}


def drawn_dataset(
    category: str,
    *,
    size_px: int = SIZE_PX,
    seed: int = 0,
    difficulty: float = DIFFICULTY,
    **counts: int,
) -> Dataset:
    """A drawn category; arguments as `drawings` takes them. Raises `SettingError`."""
    root = Path(DRAWN, category)
    every = drawings(category, size_px=size_px, seed=seed, difficulty=difficulty, **counts)
    return Dataset(
        name=category,
        root=root,
        layout="drawn",
        samples=tuple(_sample(root, drawing) for drawing in every),
        notes=(
            f"The images are drawn by blemish ({size_px} x {size_px}, seed {seed}, difficulty "
            f"{difficulty:g}); figures on them say little of real parts.",
        ),
    )


def _sample(root: Path, drawing: Drawing) -> DrawnSample:
    return DrawnSample(
        id=drawing.id,
        path=root / drawing.id,
        split=drawing.split,
        label="good" if drawing.kind == GOOD else "defect",
        defect_type=drawing.kind,
        drawing=drawing,
    )
