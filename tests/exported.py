"""A data set with all that an export has to keep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from blemish.data.dataset import Dataset
from blemish.data.masks import Mask, MaskFile
from blemish.data.sample import Sample
from blemish.data.shapes import Shapes, polygon
from blemish.result import GOOD

SIZES = ((31, 17), (9, 40), (24, 24))


def image(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    size_hw = SIZES[seed % len(SIZES)]
    Image.fromarray(rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)).save(path)
    return path


def mask_file(path: Path, mask: np.ndarray) -> MaskFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(path)
    return MaskFile(path)


def random_mask(seed: int) -> np.ndarray:
    """A mask with holes, borders and single pixels."""
    rng = np.random.default_rng(seed)
    size_hw = SIZES[seed % len(SIZES)]
    return rng.random(size_hw) < rng.choice([0.05, 0.3, 0.6, 0.9])


def sample(root: Path, name: str, seed: int, split: str, kind: str, **more: object) -> Sample:
    path = image(root / name, seed)
    label = "good" if kind == GOOD else "defect"
    return Sample(name, path, split, label, kind, **more)  # type: ignore[arg-type]


def rich_dataset(root: Path) -> Dataset:
    """Splits, groups, metadata, several masks an image, empty and unknown ones, odd names."""
    both: tuple[Mask, ...] = (
        mask_file(root / "masks" / "two.png", random_mask(21)),
        Shapes(Path("drawn.json"), (polygon("dent", [(1, 1), (12, 2), (7, 22)]),)),
    )
    samples = [
        sample(root, "good/a.png", 1, "train", GOOD, group="plate 1"),
        sample(root, "good/b.png", 2, "train", GOOD, metadata=(("line", "ä 2"), ("shift", "n"))),
        sample(root, "more/a.png", 3, "train", GOOD),
        sample(root, "more/c.png", 4, "validation", GOOD),
        sample(root, "more/d.png", 5, "test", GOOD, group="plate 1"),
        sample(root, "bad/two.png", 21, "test", "dent", masks=both, group="plate 7"),
        sample(root, "bad/unknown.png", 7, "test", "dent"),
        sample(
            root, "bad/empty.png", 8, "test", "deep scratch",
            masks=(mask_file(root / "masks" / "empty.png", np.zeros(SIZES[8 % 3], np.bool_)),),
        ),
        sample(root, "odd/.hidden:1?.png", 9, "test", GOOD),
        sample(root, "odd/a.jpg.png", 10, "test", GOOD),
    ]  # fmt: skip
    for seed in range(30, 40):
        kind, split = ("dent", "deep scratch")[seed % 2], ("test", "validation")[seed % 3 == 0]
        mask = mask_file(root / "masks" / f"{seed}.png", random_mask(seed))
        samples.append(sample(root, f"bad/{seed}.png", seed, split, kind, masks=(mask,)))
    return Dataset("rich", root, "made", tuple(sorted(samples, key=lambda one: one.id)))
