"""A map sharpened by a second bank, beside the map of one bank: figures of pixels, times, bytes.

    python benchmarks/sharp.py --shared ../shared     # drawn surfaces, and real ones
    python benchmarks/sharp.py                        # drawn ones alone

Both are fitted on the same images with the same seed; their scores are the same. A warm image is
timed in turns. What the day's record holds already is left as it is.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import blemish
from blemish.data.loading import GoodImages
from detectors import DRAWN, REAL
from timing import rounds, spread, warm

RECORDS = Path(__file__).parent / "records"
SETTINGS: dict[str, dict[str, Any]] = {"one bank": {}, "sharpened": {"map_levels": ["s4"]}}
PIXELS = ("auroc", "ap", "f1_max", "au_pro_30", "f1")
REPEATS = 6  # in each turn of each model


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, help="folder with data/; drawn surfaces without")
    parser.add_argument("--data", nargs="*", help="only these")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    from blemish.records.machine import machine, versions

    path = RECORDS / f"sharp-{datetime.now(UTC).date().isoformat()}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"] if path.exists() else []
    known = {(row["data"], row["seed"]) for row in rows}
    wanted = [*DRAWN, *(REAL if arguments.shared else ())]
    for seed in arguments.seeds:
        for data in arguments.data or wanted:
            if (Path(data).name, seed) in known:
                continue
            place = data if data in DRAWN else arguments.shared / "data" / data
            rows += measure(place, Path(data).name, seed)
            record = {"machine": machine(), "versions": versions(), "rows": rows}
            path.write_text(json.dumps(record, indent=1) + "\n")


def measure(place: str | Path, name: str, seed: int) -> list[dict[str, Any]]:
    """Fit, evaluate and time both; a row each."""
    dataset = blemish.open_dataset(place)
    models, rows, times = {}, [], {kind: list[float]() for kind in SETTINGS}
    for kind, settings in SETTINGS.items():
        start = time.perf_counter()
        models[kind] = blemish.fit(dataset, blemish.PatchCore(seed=seed, **settings))
        seconds = time.perf_counter() - start
        found = blemish.evaluate(models[kind], dataset)
        rows.append(
            {
                "data": name,
                "seed": seed,
                "kind": kind,
                "image_auroc": found.image["auroc"],
                "pixel": {figure: found.pixel[figure] for figure in PIXELS},
                "fit_seconds": round(seconds, 1),
                "model_bytes": models[kind].size_bytes,
            }
        )
    (image,) = dict(GoodImages(dataset.train[:1])).values()
    for _ in rounds():
        for kind, model in models.items():
            times[kind] += warm(partial(model.raw, image[None]), REPEATS)
    for row in rows:
        row["milliseconds"] = spread([1000 * second for second in times[row["kind"]]], 2)
        print(json.dumps(row), flush=True)
    return rows


if __name__ == "__main__":
    main()
