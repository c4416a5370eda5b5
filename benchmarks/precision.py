"""What 8 bits do to speed and to figures: PatchCore in float32 and in int8, side by side.

Each pair is fitted on the same pictures with the same seed; a warm picture and a warm batch of 8
are timed in turns of some runs, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

EMBEDDED = "embedded"
RECORDS = Path(__file__).parent / "records"
PRECISIONS = ("float32", "int8")
DATA = ("mvtec/bottle", "lgp", "mtd")
BACKBONES = (EMBEDDED, "mobilenetv2", "resnet50v2")
TURNS, REPEATS = 5, 6  # turns of each model, of so many runs
PAUSE = 0.2  # seconds before a turn, in which the threads of the other model fall asleep


def main() -> None:
    """Measure all pairs that have not been measured on this day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/, backbones/")
    parser.add_argument("--data", nargs="*", default=DATA)
    parser.add_argument("--backbones", nargs="*", default=BACKBONES)
    arguments = parser.parse_args()
    from blemish.benchmark.machine import machine
    from blemish.fitting import versions

    path = RECORDS / f"precision-{datetime.now(UTC).date().isoformat()}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.exists() else []
    for data in arguments.data:
        for backbone in arguments.backbones:
            case = {"data": Path(data).name, "backbone": backbone}
            if any(case.items() <= row.items() for row in rows):
                continue
            rows.append(case | measure(arguments.shared, data, backbone))
            print(json.dumps(rows[-1]), flush=True)
            record = {"machine": machine(), "versions": versions(), "rows": rows}
            path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")


def measure(shared: Path, data: str, backbone: str) -> dict[str, Any]:
    """Fit, evaluate and time both."""
    import blemish

    dataset = blemish.open_dataset(shared / "data" / data)
    file = backbone if backbone == EMBEDDED else str(shared / f"backbones/{backbone}.onnx")
    models, row = {}, {}
    for precision in PRECISIONS:
        start = time.perf_counter()
        detector = blemish.PatchCore(backbone=file, precision=precision, memory_megabytes=6000)
        models[precision] = blemish.fit(dataset, detector)
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
    picture = models["float32"].read(dataset.test[0].path)
    for name, batch in (("one", 1), ("eight", 8)):
        stack = np.stack([picture] * batch)
        times: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
        for precision in PRECISIONS * TURNS:
            time.sleep(PAUSE)
            models[precision].raw(stack)  # warms up
            for _ in range(REPEATS):
                start = time.perf_counter()
                models[precision].raw(stack)
                times[precision].append(1000 * (time.perf_counter() - start))
        for precision, milliseconds in times.items():
            row[precision][f"milliseconds_{name}"] = {
                "median": round(statistics.median(milliseconds), 2),
                "lowest": round(min(milliseconds), 2),
                "highest": round(max(milliseconds), 2),
            }
    return row


if __name__ == "__main__":
    main()
