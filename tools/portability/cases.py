"""Models of each kind, and the images that every runtime judges with them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import blemish
from blemish.alignment import Alignment
from blemish.data.write_surfaces import write_surfaces
from blemish.zones import Box, Disc, Zone, Zones

IMAGES = 200
SIDE_PX = 128
LEARNED, FEWER = 110, 40  # training images: what the promise by default takes, and what is quicker
TILES = {"scale": 0.75, "tile": 64, "coreset_ratio": 0.12}
SMALL = {"image_size": 128, "coreset_ratio": 0.12}  # a bank that is searched in two stages still
# Enough for a net that tells images apart: what it learns is not looked at here.
SHORT = {"preset": "quick", "steps": 6, "image_size": 128, "autoencoder_weight": 0.5}

ZONES = Zones((Zone("face", Box(12, 20, 100, 90)), Zone("hub", Disc(60, 70, 9), ignored=True)))


@dataclass(frozen=True)
class Kind:
    """A model to be made.

    Attributes:
        detector: makes what is fitted.
        zones: what is inspected; `None` for all.
        align: how parts are aligned; `None` for surfaces, which are not.
        taught: whether it learns a defect as if it were none.
    """

    detector: Callable[[], Any]
    zones: Zones | None = None
    align: Alignment | None = None
    taught: bool = False

    @property
    def judged(self) -> str:
        """The folder of what it judges: images of one size with zones, and parts if aligned.

        How something lies that is no part is by chance, and so are score and map of it.
        """
        return "parts-judged" if self.align else "one-size" if self.zones else ""


KINDS = {
    "patchcore": Kind(blemish.PatchCore),
    "patchcore int8": Kind(lambda: blemish.PatchCore(precision="int8", **SMALL)),
    "patchcore, bank in blocks, longer, squared": Kind(lambda: blemish.PatchCore(
        image_size=128, coreset_ratio=0.45, resize="longer", distance="squared",
        smoothing=0,
    )),
    "patchcore, 3 neighbours, re-weighted distances, shorter, pooled": Kind(
        lambda: blemish.PatchCore(
            resize="shorter", k=3, reweight=3, embedding="pooled", image_score="patches",
            normalisation="none", **SMALL
        )
    ),
    "patchcore, sharp map": Kind(lambda: blemish.PatchCore(map_levels=["s4"], **SMALL)),
    "patchcore, head": Kind(lambda: blemish.PatchCore(head="distance", **SMALL)),
    "efficientad": Kind(lambda: blemish.EfficientAd(**SHORT)),
    "fusion": Kind(lambda: blemish.Fusion(members=["patchcore", "padim"], image_size=128)),
    "patchcore, tiles": Kind(lambda: blemish.PatchCore(**TILES)),
    "patchcore, tiles, zones, taught": Kind(
        lambda: blemish.PatchCore(**TILES), zones=ZONES, taught=True
    ),
    "patchcore, aligned": Kind(lambda: blemish.PatchCore(**SMALL), align=Alignment(15)),
    "patchcore, aligned, tiles, zones": Kind(
        lambda: blemish.PatchCore(**TILES), zones=ZONES, align=Alignment(15)
    ),
}  # fmt: skip

TRAINED = ("efficientad", "patchcore, head")  # by torch
ImageArray = NDArray[np.uint8]


def file_name(kind: str) -> str:
    """Of a kind's model."""
    return kind.replace(",", "").replace(" ", "-") + ".onnx"


def write_cases(folder: Path) -> dict[str, Path]:
    """Write models, and `images.bin` and `images.json` that they judge; gives a file of each kind.

    Those that do not judge all images have folders of their own.
    """
    surfaces = folder / "surfaces"
    write_surfaces(
        surfaces, categories=["tile"], good=LEARNED, test_good=60, defects_a_type=20,
        size_px=SIDE_PX, force=True,
    )  # fmt: skip
    tile = surfaces / "tile"
    few, parts = _fewer(tile), folder / "parts"
    _write_parts(parts, few)
    _write_images(folder, [*_odd(), *_files(tile)][:IMAGES])
    alike = [image for image in (*_odd(), *_files(tile)) if image.shape == (SIDE_PX, SIDE_PX, 3)]
    _write_images(folder / "one-size", alike[:IMAGES])
    _write_images(folder / "parts-judged", list(_files_of_parts(parts)))
    taught = sorted(path for path in (tile / "test").rglob("*.png") if path.parent.name != "good")
    models = {}
    for name, kind in KINDS.items():
        if name in TRAINED and not find_spec("torch"):
            continue
        data = parts if kind.align is not None else tile if name == "patchcore" else few
        model = blemish.fit(
            blemish.open_dataset(data), kind.detector(), zones=kind.zones, align=kind.align
        )
        if kind.taught:
            model = blemish.learn(model, taught[:1], whole=True)
        models[name] = folder / kind.judged / file_name(name)
        model.save(models[name], force=True)
    return models


def _fewer(tile: Path) -> Path:
    """A folder with some of the training images."""
    folder = tile.with_name("fewer")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "train" / "good").mkdir(parents=True)
    for path in sorted((tile / "train" / "good").iterdir())[:FEWER]:
        shutil.copy(path, folder / "train" / "good")
    return folder


def _write_parts(folder: Path, surfaces: Path) -> None:
    """Cards of these surfaces on a dark ground, a corner cut off; nearly where the others lie."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "train" / "good").mkdir(parents=True)
    for number, path in enumerate(sorted((surfaces / "train" / "good").iterdir())):
        card = _card(np.asarray(Image.open(path).convert("RGB")))
        moved = np.roll(card, (number % 3 - 1, number % 5 - 2), (0, 1))
        Image.fromarray(moved).save(folder / "train" / "good" / path.name)


def _card(surface: ImageArray) -> ImageArray:
    rows, columns = np.indices(surface.shape[:2])
    edge = SIDE_PX // 8
    shown = (rows > edge) & (rows < SIDE_PX - edge) & (columns > edge)
    shown &= (columns < SIDE_PX - 2 * edge) & (rows + columns > 4 * edge)
    return np.where(shown[..., None], surface // 2 + 100, 30).astype(np.uint8)


def _files_of_parts(parts: Path) -> Iterator[ImageArray]:
    """Some as they are, moved, and dark."""
    for number, path in enumerate(sorted((parts / "train" / "good").iterdir())):
        image = np.asarray(Image.open(path))
        yield np.roll(image, (3 * (number % 4), -2 * (number % 5)), (0, 1))
        if number % 4 == 0:
            yield image // 3


def _write_images(folder: Path, images: list[ImageArray]) -> None:
    """All pixels in one file; sizes in another, [height, width] in the same order."""
    folder.mkdir(exist_ok=True)
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
