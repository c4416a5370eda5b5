"""Models of each kind, and the images that every runtime judges with them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import blemish
from blemish.data.write_surfaces import write_surfaces

IMAGES = 200
SIDE_PX = 128
LEARNED, FEWER = 110, 40  # training images: what the promise by default takes, and what is quicker
SMALL = {"image_size": 128, "coreset_ratio": 0.12}  # a bank that is searched in two stages still
# Enough for a net that tells images apart: what it learns is not looked at here.
SHORT = {"preset": "quick", "steps": 6, "image_size": 128, "autoencoder_weight": 0.5}

KINDS: dict[str, Callable[[], Any]] = {
    "patchcore": blemish.PatchCore,
    "patchcore int8": lambda: blemish.PatchCore(precision="int8", **SMALL),
    "patchcore, bank in blocks, longer, squared": lambda: blemish.PatchCore(
        image_size=128, coreset_ratio=0.45, resize="longer", distance="squared",
        smoothing=0,
    ),
    "patchcore, 3 neighbours, re-weighted distances, shorter, pooled": lambda: blemish.PatchCore(
        resize="shorter", k=3, reweight=3, embedding="pooled", image_score="patches",
        normalisation="none", **SMALL
    ),
    "patchcore, sharp map": lambda: blemish.PatchCore(map_levels=["s4"], **SMALL),
    "patchcore, head": lambda: blemish.PatchCore(head="distance", **SMALL),
    "efficientad": lambda: blemish.EfficientAd(**SHORT),
    "fusion": lambda: blemish.Fusion(members=["patchcore", "padim"], image_size=128),
    "patchcore, tiles": lambda: blemish.PatchCore(scale=0.75, tile=64, coreset_ratio=0.12),
}  # fmt: skip

TRAINED = ("efficientad", "patchcore, head")  # by torch
ImageArray = NDArray[np.uint8]


def file_name(kind: str) -> str:
    """Of a kind's model."""
    return kind.replace(",", "").replace(" ", "-") + ".onnx"


def write_cases(folder: Path) -> list[str]:
    """Write `images.bin`, `images.json` and a model of each kind; gives the kinds."""
    surfaces = folder / "surfaces"
    write_surfaces(
        surfaces, categories=["tile"], good=LEARNED, test_good=60, defects_a_type=20,
        size_px=SIDE_PX, force=True,
    )  # fmt: skip
    tile = surfaces / "tile"
    _write_images(folder, [*_odd(), *_files(tile)][:IMAGES])
    kinds = [kind for kind in KINDS if kind not in TRAINED or find_spec("torch")]
    for kind in kinds:
        dataset = blemish.open_dataset(tile if kind == "patchcore" else _fewer(tile))
        blemish.fit(dataset, KINDS[kind]()).save(folder / file_name(kind), force=True)
    return kinds


def _fewer(tile: Path) -> Path:
    """A folder with some of the training images."""
    folder = tile.with_name("fewer")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "train" / "good").mkdir(parents=True)
    for path in sorted((tile / "train" / "good").iterdir())[:FEWER]:
        shutil.copy(path, folder / "train" / "good")
    return folder


def _write_images(folder: Path, images: list[ImageArray]) -> None:
    """All pixels in one file; sizes in another, [height, width] in the same order."""
    (folder / "images.bin").write_bytes(b"".join(image.tobytes() for image in images))
    (folder / "images.json").write_text(json.dumps([image.shape[:2] for image in images]))


def _files(tile: Path) -> Iterator[ImageArray]:
    """Images that were learned, good ones and defects in turn."""
    learned = sorted((tile / "train").rglob("*.png"))[:10]
    good = sorted((tile / "test" / "good").glob("*.png"))
    defects = sorted(path for path in (tile / "test").rglob("*.png") if path.parent.name != "good")
    for path in (*learned, *good, *defects):
        yield np.asarray(Image.open(path).convert("RGB"))


def _odd() -> Iterator[ImageArray]:
    """Black, white, flat, noisy, striped, tiny, and long ones."""
    rng = np.random.default_rng(0)
    for level in (0, 1, 127, 128, 254, 255):
        yield np.full((SIDE_PX, SIDE_PX, 3), level, np.uint8)
    for colour in np.eye(3, dtype=np.uint8) * 255:
        yield np.broadcast_to(colour, (96, 160, 3)).copy()
    sizes = [(1, 1), (1, 2), (2, 1), (3, 3), (8, 8), (1, 24), (24, 1), (7, 99), (99, 7),
             (31, 33), (127, 129), (256, 256), (257, 255), (400, 300)]  # fmt: skip
    for height, width in sizes:
        yield rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        yield _waves(height, width, period_px=9)
    for period_px in (2, 3, 5, 17, 64):
        yield _waves(SIDE_PX, SIDE_PX, period_px=period_px)
        yield (_waves(SIDE_PX, SIDE_PX, period_px=period_px) > 127).astype(np.uint8) * 255
    for row, column in ((0, 0), (64, 64), (127, 127)):
        dot = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
        dot[row, column] = 255
        yield dot


def _waves(height: int, width: int, *, period_px: float) -> ImageArray:
    rows, columns = np.indices((height, width))
    grey = 127 + 90 * np.sin(2 * np.pi * (rows + 0.5 * columns) / period_px)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
