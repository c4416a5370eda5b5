"""Zones: figures within them, what good images are rejected by zones with shares, and costs.

    python benchmarks/zones.py --shared ../shared

Bottle within a disc that a detector sees alone, beside detectors that see all of it: figures count
the pixels of the disc. Then light-guide plates of two zones with shares of 1 to 3: halves of
the good images are fitted and judged, in several draws. Times are taken in turns in one run. What
the day's record holds is left as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

import blemish
from blemish.evaluation.measure import measure
from blemish.metrics.decisions import Thresholds
from blemish.result import Verdict
from blemish.zones import Box, Disc, Zone, Zones
from day_record import DayRecord
from timing import rounds, spread, warm

DISC = Zones((Zone("bottle", Disc(160, 160, 140)),))
ROI = Zones.roi(80, 80, 160, 160)
HALVES = Zones(
    (Zone("left", Box(0, 0, 112, 224), share=1), Zone("right", Box(112, 0, 112, 224), share=3))
)
RATE, DRAWS = 0.02, 20
SIDES, IMAGES = (320, 4000), 30
REPEATS = 4


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/")
    data = parser.parse_args().shared / "data"
    record = DayRecord("zones")
    bottle = blemish.open_dataset(data / "mvtec" / "bottle")
    for name, zones in {"all": None, "disc": DISC}.items():
        case = {"what": "figures", "data": "bottle", "fitted_on": name}
        if not record.holds(case):
            record.add(case | figures(bottle, zones))
    plates = blemish.open_dataset(data / "lgp")
    for draw in range(DRAWS):
        case = {"what": "promise", "data": "lgp", "draw": draw}
        if not record.holds(case):
            record.add(case | promise(plates, draw))
    for side in SIDES:
        case = {"what": "costs", "side_px": side}
        if not record.holds(case):
            with TemporaryDirectory() as folder:
                record.add(*(case | row for row in costs(bottle, side, Path(folder))))


def figures(dataset: blemish.Dataset, zones: Zones | None) -> dict[str, Any]:
    """Within the disc, of a model that was fitted with zones or without."""
    model = blemish.fit(dataset, blemish.PatchCore(), zones=zones)
    calibration = model.calibration
    found = measure(
        list(zip(dataset.test, model.predict(list(dataset.test)), strict=True)),
        len(dataset.test),
        Thresholds(calibration.image_threshold, calibration.pixel_threshold),
        counted=DISC.on((320, 320)).mask,
    )
    image = {f"image_{name}": found.image[name] for name in ("auroc", "f1", "false_alarm_rate")}
    return image | {f"pixel_{n}": found.pixel[n] for n in ("auroc", "ap", "f1_max", "au_pro_30")}


def promise(dataset: blemish.Dataset, draw: int) -> dict[str, Any]:
    """Good images that are rejected, in all and by zone, by a model of half of them."""
    good = [sample for sample in dataset.samples if sample.label == "good"]
    order = np.random.default_rng(draw).permutation(len(good))
    learned, fresh = np.split(order, [len(order) // 2])
    train = tuple(replace(good[number], split="train") for number in learned)
    detector = blemish.PatchCore(seed=draw)
    half = replace(dataset, samples=train)
    model = blemish.fit(half, detector, zones=HALVES, false_alarm_rate=RATE)
    judged = model.predict([good[number] for number in fresh])
    threshold, zones = model.calibration.image_threshold, model.zones
    assert zones is not None
    peaks = np.array([zones.peaks(one.score_map) for one in judged])
    above = (peaks > threshold).sum(axis=0).tolist()
    rejected = sum(one.verdict == Verdict.DEFECT for one in judged)
    by_zone = dict(zip(zones.names, above, strict=True))
    return {"promised": RATE, "fresh": len(fresh), "rejected": rejected, "by_zone": by_zone}


def costs(dataset: blemish.Dataset, side: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Milliseconds of an image, in turns, and bytes of models with zones and without."""
    larger = _enlarged(replace(dataset, samples=dataset.train[:IMAGES]), side, folder)
    kinds = {"none": None, "disc": _scaled(DISC, side / 320), "roi": _scaled(ROI, side / 320)}
    models = {
        kind: blemish.fit(larger, blemish.PatchCore(), zones=zones, false_alarm_rate=0.1)
        for kind, zones in kinds.items()
    }
    image = larger.train[0].read()
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in rounds():
        for kind, model in models.items():
            seconds[kind] += warm(lambda judge=model: judge.raw(image[None]), REPEATS)
    plain = spread(seconds["none"])["median"]
    for kind, model in models.items():
        took = spread(seconds[kind])
        ratio = round(took["median"] / plain, 3)
        yield {"zones": kind, "seconds": took, "ratio": ratio, "bytes": model.size_bytes}


def _scaled(zones: Zones, by: float) -> Zones:
    (zone,) = zones.zones
    shape = zone.shape
    values = {name: value * by for name, value in vars(shape).items()}
    return Zones((replace(zone, shape=type(shape)(**values)),))


def _enlarged(dataset: blemish.Dataset, side: int, folder: Path) -> blemish.Dataset:
    """The training images as files of another size."""
    for number, sample in enumerate(dataset.train):
        image = Image.fromarray(sample.read()).resize((side, side))
        image.save(folder / f"{number}.png", compress_level=1)
    return blemish.open_dataset(folder, test_fraction=0.0)


if __name__ == "__main__":
    main()
