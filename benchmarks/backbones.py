"""Compare backbones under PatchCore at one bank size, as a record.

    python benchmarks/backbones.py --shared ../shared

The embedded backbone, the same net with random weights, hand-made filters, and two networks trained
on ImageNet; then the embedded one under other settings. 256 x 256, 2 000 vectors in the bank.
Thresholds are not looked at. Needs the extra `train` for the net with random weights.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from day_record import DayRecord
from filters import write_filters

ROOT = Path(__file__).parents[1]
DATA = ("mvtec/bottle", "lgp", "mtd")
COMMON = {"coreset_count": 2000, "calibration_folds": 0, "memory_megabytes": 3000}
CHOICES: tuple[dict[str, Any], ...] = (
    {"levels": ["s8"]},
    {"levels": ["s16"]},
    {"levels": ["s4", "s8", "s16"]},
    {"neighbourhood": 1},
    {"neighbourhood": 5},
    {"image_size": 192},
    {"image_size": 320},
)
BATCH = 8


def main() -> None:
    """Run what the record of this day lacks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/, backbones/")
    shared: Path = parser.parse_args().shared
    record = DayRecord("backbones")
    with tempfile.TemporaryDirectory() as folder:
        for name, backbone, settings in cases(shared, Path(folder)):
            for data in DATA:
                case = {"data": Path(data).name, "backbone": name, "settings": settings}
                if record.holds(case):
                    continue  # measured before on this day
                record.add(case | measure(shared / "data" / data, backbone, settings))


def cases(shared: Path, folder: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Names of backbones, where they are, and settings."""
    random, filters = folder / "random.onnx", folder / "filters.onnx"
    write_random(random)
    write_filters(filters)
    yield "embedded", "embedded", {}
    yield "mobilenetv2", str(shared / "backbones" / "mobilenetv2.onnx"), {}
    yield "resnet50v2", str(shared / "backbones" / "resnet50v2.onnx"), {}
    yield "filters", str(filters), {}
    yield "random", str(random), {}
    for settings in CHOICES:
        yield "embedded", "embedded", settings


def measure(folder: Path, backbone: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Fit, evaluate, and time the graph on decoded images."""
    import blemish

    dataset = blemish.open_dataset(folder)
    detector = blemish.PatchCore(backbone=backbone, **(COMMON | settings))
    model = blemish.fit(dataset, detector)
    found = blemish.evaluate(model, dataset)
    return {
        "image_auroc": found.image["auroc"],
        "pixel_auroc": found.pixel["auroc"],
        "pixel_ap": found.pixel["ap"],
        "dimensions": model.facts.detector.details["bank_dimensions"],
        "milliseconds_an_image": milliseconds(model),
    }


def milliseconds(model: Any, repeats: int = 9) -> float:
    """Median time of the graph for one of a batch of decoded images of 320 x 320."""
    images = np.random.default_rng(0).integers(0, 255, (BATCH, 320, 320, 3), np.uint8)
    model.raw(images)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        model.raw(images)
        seconds.append(time.perf_counter() - start)
    return round(float(np.median(seconds)) * 1000 / BATCH, 2)


def write_random(path: Path) -> None:
    """Write the embedded net untrained; its norms have seen drawn images."""
    sys.path.insert(0, str(ROOT / "training"))
    import torch
    from common import Spread
    from export import export
    from student import Student

    from blemish.detectors.efficientad.jitter import normalised
    from blemish.surfaces.textures import draw

    torch.manual_seed(0)
    channels = (24, 32, 96)
    student = Student(channels).train()
    images = np.stack([draw(number, seed=1, side_px=128) for number in range(32)])
    batch = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        for _ in range(50):
            levels = student(normalised(batch))
    for head, level in zip(student.heads, levels, strict=True):
        head[1].weight.data /= level.std()  # no level outweighs the other
    unit = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1)  # of mean 0 and spread 1
    as_it_is = [Spread([unit.expand(2, count, 1, 1)]) for count in channels]
    export(student.eval(), as_it_is, path, {"name": "random", "licence": "Apache-2.0"})


if __name__ == "__main__":
    main()
