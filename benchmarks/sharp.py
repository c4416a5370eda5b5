"""Maps of two banks, by their mean or by a head, beside that of one: figures of pixels, costs.

    python benchmarks/sharp.py --shared ../shared     # drawn surfaces, and real ones
    python benchmarks/sharp.py                        # drawn ones alone

All are fitted on the same images with the same seed; their scores are the same. A warm image is
timed in turns with one of one bank, which is fitted again where its figures are known. What the
day's record holds already is left as it is.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import blemish
from blemish.data.loading import GoodImages
from blemish.records.findings import Regions
from day_record import DayRecord
from detectors import DRAWN, REAL
from timing import rounds, spread, warm

ONE_BANK = "one bank"
SETTINGS: dict[str, dict[str, Any]] = {
    ONE_BANK: {},
    "sharpened": {"map_levels": ["s4"]},
    "head": {"head": "distance"},
}
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
    parser.add_argument("--kinds", nargs="*", choices=SETTINGS, default=list(SETTINGS))
    arguments = parser.parse_args()
    record = DayRecord("sharp")
    wanted = [*DRAWN, *(REAL if arguments.shared else ())]
    for seed in arguments.seeds:
        for data in arguments.data or wanted:
            name = Path(data).name
            cases = {kind: {"data": name, "seed": seed, "kind": kind} for kind in arguments.kinds}
            kinds = [kind for kind, case in cases.items() if not record.holds(case)]
            if not kinds:
                continue
            place = data if data in DRAWN else arguments.shared / "data" / data
            record.add(*measure(place, name, seed, kinds))


def measure(place: str | Path, name: str, seed: int, kinds: list[str]) -> list[dict[str, Any]]:
    """Fit, evaluate and time each kind; a row each."""
    dataset = blemish.open_dataset(place)
    models, rows = {}, []
    for kind in dict.fromkeys([ONE_BANK, *kinds]):
        start = time.perf_counter()
        models[kind] = blemish.fit(dataset, blemish.PatchCore(seed=seed, **SETTINGS[kind]))
        seconds = time.perf_counter() - start
        if kind not in kinds:
            continue
        found = blemish.evaluate(models[kind], dataset)
        rows.append(
            {
                "data": name,
                "seed": seed,
                "kind": kind,
                "image_auroc": found.image["auroc"],
                "pixel": {figure: found.pixel[figure] for figure in PIXELS},
                "regions_found": share_found(found.regions),
                "false_regions": asdict(models[kind].calibration.false_regions),
                "fit_seconds": round(seconds, 1),
                "model_bytes": models[kind].size_bytes,
            }
        )
    (image,) = dict(GoodImages(dataset.train[:1])).values()
    times = {kind: list[float]() for kind in models}
    for _ in rounds():
        for kind, model in models.items():
            times[kind] += warm(partial(model.raw, image[None]), REPEATS)
    for row in rows:
        row["milliseconds"] = spread([1000 * second for second in times[row["kind"]]], 2)
        row["times_one_bank"] = round(median(times[row["kind"]]) / median(times[ONE_BANK]), 3)
    return rows


def share_found(regions: Regions) -> float:
    """Share of the labelled regions in which something is above the threshold."""
    return round(regions.found / regions.regions, 4)


if __name__ == "__main__":
    main()
