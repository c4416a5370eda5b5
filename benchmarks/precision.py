"""What 8 bits do to speed and to figures: detectors in float32 and in int8, side by side.

Each pair is fitted on the same images with the same seed; a warm image and a warm batch of 8
are timed in turns some seconds apart, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from day_record import DayRecord
from run import EMBEDDED, named
from timing import rounds, spread, warm

PRECISIONS = ("float32", "int8")
DATA = ("mvtec/bottle", "lgp", "mtd")
DETECTORS = ("patchcore", "efficientad")
BACKBONES = (EMBEDDED, "mobilenetv2", "resnet50v2")
REPEATS = 6  # in each turn of each model


def main() -> None:
    """Measure all pairs that have not been measured on this day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/, backbones/")
    parser.add_argument("--data", nargs="*", default=DATA)
    parser.add_argument("--backbones", nargs="*", default=BACKBONES, help="of PatchCore")
    parser.add_argument("--detectors", nargs="*", default=DETECTORS, choices=DETECTORS)
    arguments = parser.parse_args()
    record = DayRecord("precision")
    wanted = [
        (data, detector, backbone)
        for data in arguments.data
        for detector in arguments.detectors
        for backbone in (arguments.backbones if detector == "patchcore" else (EMBEDDED,))
    ]
    for data, detector, backbone in wanted:
        case = {"data": Path(data).name, "detector": detector, "backbone": backbone}
        if not record.holds(case):
            record.add(case | measure(arguments.shared, data, detector, backbone))


def measure(shared: Path, data: str, detector: str, backbone: str) -> dict[str, Any]:
    """Fit, evaluate and time both."""
    import blemish

    dataset = blemish.open_dataset(shared / "data" / data)
    file = named(backbone, shared)
    models, row = {}, {}
    for precision in PRECISIONS:
        start = time.perf_counter()
        chosen: Any = (
            blemish.PatchCore(backbone=file, precision=precision, memory_megabytes=6000)
            if detector == "patchcore"
            else blemish.EfficientAd(teacher_precision=precision)
        )
        models[precision] = blemish.fit(dataset, chosen)
        seconds = time.perf_counter() - start
        found = blemish.evaluate(models[precision], dataset)
        row[precision] = {
            "fit_seconds": round(seconds, 1),
            "model_bytes": models[precision].size_bytes,
            "image_auroc": found.image["auroc"],
            "image_f1_max": found.image["f1_max"],
            "pixel_auroc": found.pixel["auroc"],
            "pixel_f1_max": found.pixel["f1_max"],
            "au_pro": found.pixel["au_pro_30"],
        }
    image = models["float32"].read(dataset.test[0].path)
    for name, batch in (("one", 1), ("eight", 8)):
        stack = np.stack([image] * batch)
        times: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
        for _ in rounds():
            for precision, model in models.items():
                times[precision] += warm(partial(model.raw, stack), REPEATS)
        for precision, taken in times.items():
            milliseconds = [1000 * second for second in taken]
            row[precision][f"milliseconds_{name}"] = spread(milliseconds, 2)
    return row


if __name__ == "__main__":
    main()
