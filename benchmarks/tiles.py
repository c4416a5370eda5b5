"""Tiles: what seams change, what large images take, and which small defects are found.

    python benchmarks/tiles.py

Surfaces are drawn at 4000 x 4000 pixels, defects are dark pits of a given width, one an image. What
the day's record holds already is left as it is. `--only` takes parts: seams, large, defects.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import blemish
from blemish.backbones.load import load_backbone
from blemish.detectors.patchcore.graph import PatchCoreGraph
from blemish.detectors.patchcore.settings import PatchCoreSettings
from blemish.graph.session import Session
from blemish.graph.tile_grid import Tiles
from blemish.graph.trace import with_outputs
from blemish.images.format import ImageFormat
from blemish.metrics.ranking import auroc, rank
from blemish.surfaces.drawing import Drawing
from blemish.surfaces.shapes import blob
from day_record import DayRecord
from timing import process, spread, warm

SURFACE, SIDE = "leather", 4000
TILE, SEAM_BANK = 512, 2000  # of seams
OVERLAPS = (0, 64, 128, 256, 384)
SAME = 1e-4
KINDS: dict[str, dict[str, Any]] = {
    "reduced to 256": {},
    "reduced to 1024": {"image_size": 1024},
    "tiles, half size": {"scale": 0.5},
    "tiles, all pixels": {"scale": 1.0},
}
SMALL_TILES = {"tiles of 512": {"scale": 1.0, "tile": 512, "overlap": 64}}
LARGE = {"4000 x 4000": (4000, 4000), "2048 x 20000": (2048, 20000)}
LEARNED, GOOD, DEFECTIVE = 12, 6, 12
WIDTHS = (4, 8, 16, 32)  # of defects, in pixels
PIT, DEPTH = np.array([38, 22, 16], np.float32), 0.8
NEAR_PX = 16  # of a pit's border, within which a peak is a hit
BANK = {"coreset_count": 4000}
REPEATS = 3

Pixels = NDArray[np.uint8]


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    record = DayRecord("tiles")
    for part in arguments.only:
        for row in PARTS[part](record):
            record.add({"part": part} | row)


def seams(record: DayRecord) -> Iterator[dict[str, Any]]:
    """Patch scores by 3 x 3 tiles beside those of the whole image, by overlap."""
    wanted = [px for px in OVERLAPS if not record.holds({"part": "seams", "overlap": px})]
    if not wanted:
        return
    backbone = load_backbone("embedded")
    learned, image = (drawn("train", number) for number in (0, 1))

    def writer(side: int, **settings: Any) -> PatchCoreGraph:
        chosen = PatchCoreSettings(image_size=side, **settings)
        return PatchCoreGraph(chosen, backbone, ImageFormat())

    features = Session(writer(3 * TILE).features().SerializeToString())
    patches = features.run(["patches"], image=learned[None, : 3 * TILE, : 3 * TILE])[0]
    patches = patches.reshape(-1, patches.shape[-1])
    rows = np.random.default_rng(0).choice(len(patches), SEAM_BANK, replace=False)
    for overlap in wanted:
        side = 3 * TILE - 2 * overlap  # of three tiles that overlap by that, and no more
        shown, bank = image[:side, :side], patches[rows]
        whole = scores_of(writer(side), bank, shown)
        apart = np.abs(scores_of(writer(side, tile=TILE, overlap=overlap), bank, shown) - whole)
        yield {
            "overlap": overlap,
            "cells_apart": float((apart > SAME).mean()),
            "most_apart": float(apart.max()),
            "median_score": float(np.median(whole)),
            "highest_score": float(whole.max()),
            "tiles_of_4000": len(Tiles((TILE, TILE), overlap, 16).origins(SIDE, 0)) ** 2,
        }


def scores_of(writer: PatchCoreGraph, bank: NDArray[Any], image: Pixels) -> NDArray[Any]:
    """Patch scores, h x w."""
    data = with_outputs(writer.detector(bank).SerializeToString(), ["patch_scores"])
    found: NDArray[Any] = Session(data).run(["patch_scores"], image=image[None])[0][0]
    return found


def large(record: DayRecord) -> Iterator[dict[str, Any]]:
    """Milliseconds in the graph, and the peak of `blemish predict`, for images that are large."""
    settings_of = KINDS | SMALL_TILES
    cases = [
        (kind, size)
        for kind, size in product(settings_of, LARGE)
        if not record.holds({"part": "large", "kind": kind, "size": size})
    ]
    if not cases:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good = [drawn("train", number, 2048) for number in range(3)]
        place = write(folder / "data", {f"train/good/{i}": image for i, image in enumerate(good)})
        dataset = blemish.open_dataset(place)
        for kind, size in cases:
            detector = blemish.PatchCore(**settings_of[kind], **BANK)
            model = blemish.fit(dataset, detector, false_alarm_rate=0.5)
            model.save(folder / "model.onnx", force=True)
            image = np.tile(good[0], (2, 10, 1))
            image = np.ascontiguousarray(image[: LARGE[size][0], : LARGE[size][1]])
            Image.fromarray(image).save(folder / "large.png", compress_level=1)
            seconds = warm(lambda m=model, i=image: m.raw(i[None]), REPEATS)
            predict = ("predict", str(folder / "model.onnx"), str(folder / "large.png"))
            outputs = ("-o", str(folder / "out"), "--force")
            taken, peak = process(sys.executable, "-m", "blemish", *predict, *outputs)
            yield {
                "kind": kind,
                "size": size,
                "milliseconds": spread([1000 * s for s in seconds], 1),
                "predict_seconds": round(taken, 2),
                "predict_peak_bytes": peak,
                "bank": model.facts.detector.details["bank_vectors"],
            }


@dataclass(frozen=True, eq=False)
class Marked:
    """An image with a pit, and where that is."""

    image: Pixels
    centre_xy: tuple[int, int]


def defects(record: DayRecord) -> Iterator[dict[str, Any]]:
    """Which pits are found, by their width."""
    kinds = [k for k in KINDS if not record.holds({"part": "defects", "kind": k})]
    if not kinds:
        return
    with tempfile.TemporaryDirectory() as name:
        learned = {f"train/good/{i:02}": drawn("train", i) for i in range(LEARNED)}
        dataset = blemish.open_dataset(write(Path(name) / "data", learned))
        good = [drawn("test", number) for number in range(GOOD)]
        plain = [drawn("test", GOOD + number) for number in range(DEFECTIVE)]
        for kind in kinds:
            start = time.perf_counter()
            model = blemish.fit(
                dataset, blemish.PatchCore(**KINDS[kind] | BANK), false_alarm_rate=0.1
            )
            fit_seconds = time.perf_counter() - start
            found = [model.predict(image) for image in good]
            of_good = [one.score for one in found]
            seconds = [judged(model, image) for image in good[:REPEATS]]
            for width in WIDTHS:
                marked = [pitted(image, width, n) for n, image in enumerate(plain)]
                predicted = [model.predict(one.image) for one in marked]
                scores = [one.score for one in predicted]
                hits = [
                    hit(prediction.score_map, one, width)
                    for prediction, one in zip(predicted, marked, strict=True)
                ]
                labels = np.repeat([False, True], [len(of_good), len(scores)])
                yield {
                    "kind": kind,
                    "width": width,
                    "image_auroc": auroc(rank(of_good + scores, labels)),
                    "above_all_good": sum(score > max(of_good) for score in scores),
                    "peak_on_it": sum(hits),
                    "both": sum(
                        h and score > max(of_good) for h, score in zip(hits, scores, strict=True)
                    ),
                    "of": len(scores),
                    "good": len(of_good),
                    "fit_seconds": round(fit_seconds, 1),
                    "seconds_an_image": round(median(seconds), 3),
                }


def judged(model: blemish.Model, image: Pixels) -> float:
    """Seconds of one prediction."""
    start = time.perf_counter()
    model.predict(image)
    return time.perf_counter() - start


def hit(score_map: NDArray[Any], marked: Marked, width: int) -> bool:
    """Whether the map is highest where the pit is."""
    row, column = np.unravel_index(int(score_map.argmax()), score_map.shape)
    x, y = marked.centre_xy
    return bool(max(abs(int(row) - y), abs(int(column) - x)) <= width / 2 + NEAR_PX)


def pitted(image: Pixels, width: int, number: int) -> Marked:
    """A dark pit of that width, its place and outline by chance."""
    rng = np.random.default_rng([number, width])
    side = 2 * width + 8
    left, top = (int(at) for at in rng.integers(64, SIDE - 64 - side, 2))
    middle = np.full(2, (side - 1) / 2)
    depth = blob(rng, side, middle, width / 2, rough=0.1)
    cover = (np.clip(depth + 0.5, 0, 1) * DEPTH)[..., None]
    spoilt = image.copy()
    box = np.s_[top : top + side, left : left + side]
    spoilt[box] = np.rint(image[box] * (1 - cover) + PIT * cover).astype(np.uint8)
    return Marked(spoilt, (left + side // 2, top + side // 2))


def drawn(split: str, number: int, side: int = SIDE) -> Pixels:
    """A good image."""
    return Drawing(SURFACE, split, "good", number, 0, side).draw()[0]  # type: ignore[arg-type]


def write(folder: Path, images: dict[str, Pixels]) -> Path:
    """A data set of images by their places."""
    for name, image in images.items():
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, compress_level=1)
    return folder


PARTS = {"seams": seams, "large": large, "defects": defects}

if __name__ == "__main__":
    main()
