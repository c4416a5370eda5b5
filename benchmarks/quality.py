"""Figures of PatchCore on real images under several settings, as a record.

Thresholds are not looked at here (`calibration_folds=0`), except in the first rows, which are what
a user gets without choosing anything.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from day_record import DayRecord

EMBEDDED = "embedded"

DEFAULTS: list[tuple[str, str, dict[str, Any]]] = [
    ("mvtec/bottle", "embedded", {}),
    ("mvtec/bottle", "mobilenetv2", {}),
    ("mvtec/bottle", "resnet50v2", {}),
    ("lgp", "embedded", {}),
    ("lgp", "mobilenetv2", {}),
    ("lgp", "resnet50v2", {}),
    ("mtd", "embedded", {}),
    ("mtd", "mobilenetv2", {}),
]
QUICK = {"calibration_folds": 0}
THREE = ["block4", "block11", "block14"]
PUBLISHED = {"normalisation": "none", "image_score": "patches"}  # scores as the paper has them
CHOICES: list[tuple[str, str, dict[str, Any]]] = [
    ("mtd", "mobilenetv2", QUICK | choice)
    for choice in (
        {"levels": ["block4"]},
        {"levels": ["block11"]},
        {"levels": THREE},
        {"image_size": 192},
        {"image_size": 320},
        {"image_size": 384},
        {"resize": "shorter"},
        {"resize": "longer"},
        {"neighbourhood": 5},
        {"k": 3},
        {"normalisation": "none"},
        {"image_score": "patches"},
        PUBLISHED,
        PUBLISHED | {"reweight": 9},
        {"coreset_ratio": 0.001},
        {"coreset_ratio": 0.05},
        {"levels": THREE, "image_size": 320},
    )
] + [("mtd", "resnet50v2", QUICK | {"memory_megabytes": 3000})]


def main() -> None:
    """Run all settings, or only the defaults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/, backbones/")
    parser.add_argument("--only-defaults", action="store_true")
    arguments = parser.parse_args()
    record = DayRecord("quality")
    for data, backbone, settings in DEFAULTS + ([] if arguments.only_defaults else CHOICES):
        case = {"data": Path(data).name, "backbone": backbone, "settings": settings}
        if record.holds(case):
            continue  # measured before on this day
        record.add(measure(arguments.shared, data, backbone, settings))


def measure(shared: Path, data: str, backbone: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Fit and evaluate once."""
    import blemish

    dataset = blemish.open_dataset(shared / "data" / data)
    file = backbone if backbone == EMBEDDED else str(shared / f"backbones/{backbone}.onnx")
    detector = blemish.PatchCore(backbone=file, **settings)
    model = blemish.fit(dataset, detector)
    found = blemish.evaluate(model, dataset)
    good = sum(row.label == "good" for row in found.images)
    alarms = sum(row.label == "good" and row.verdict == "defect" for row in found.images)
    return {
        "data": dataset.name,
        "backbone": backbone,
        "settings": settings,
        "image_auroc": found.image["auroc"],
        "image_f1_max": found.image["f1_max"],
        "pixel_auroc": found.pixel["auroc"],
        "pixel_ap": found.pixel["ap"],
        "pixel_f1_max": found.pixel["f1_max"],
        "image_f1": found.image["f1"],
        "miss_rate": found.image["miss_rate"],
        "false_alarms": [alarms, good],
        "calibration": model.calibration.to_dict()["method"],
        "bank_vectors": model.facts.detector.details["bank_vectors"],
    }


if __name__ == "__main__":
    main()
