"""Records as a benchmark writes them, small enough to check by hand: as JSON, and made of it."""

from __future__ import annotations

import copy
from typing import Any

from blemish.records.record import AnyRecord, from_dict

RECORD: dict[str, Any] = {
    "schema": 2,
    "job": "mtd-patchcore-0-1a2b3c4d",
    "category": "mtd",
    "detector": "patchcore",
    "seed": 0,
    "date": "2026-01-31T12:00:00+00:00",
    "error": None,
    "dataset": {
        "name": "mtd",
        "layout": "mvtec-ad",
        "notes": [],
        "train_good": 762,
        "test_good": 4,
        "test_defect": 4,
        "fingerprint": "f1" * 32,
    },
    "settings": {"image_size": 256, "coreset_ratio": 0.01, "seed": 0},
    "sources": [
        {
            "role": "backbone",
            "name": "mobilenetv2",
            "sha256": "c0" * 32,
            "licence": "Apache-2.0",
        }
    ],
    "details": {"levels": ["block4", "block11"], "bank_vectors": 7803, "bank_bytes": 16_000_000},
    "request": {"false_alarm_rate": None, "alpha": "refuse", "smallest_region_px": 1},
    "calibration": {
        "method": "leave-one-out",
        "images": 762,
        "false_alarm_rate": 0.01,
        "lowest_rate": 0.0013,
        "upper_bound_95": 0.017,
        "image_threshold": 3.0,
        "pixel_threshold": 2.5,
    },
    "figures": {
        "image": {
            "auroc": 0.9375,
            "ap": 0.95,
            "f1_max": 0.8889,
            "f1_max_threshold": 2.2,
            "f1": 0.75,
            "false_alarm_rate": 0.25,
            "miss_rate": 0.25,
            "recall_at_0": 0.75,
            "recall_at_1": 0.75,
            "recall_at_5": 0.75,
        },
        "pixel": {
            "auroc": 0.9999,
            "ap": 0.5,
            "f1_max": 0.6,
            "f1_max_threshold": 2.0,
            "f1": 0.55,
            "false_alarm_rate": 0.004,
            "miss_rate": 0.4,
            "au_pro_30": 0.91,
            "au_pro_5": 0.7,
            "aupimo": None,
            "region_recall": 0.8,
        },
        "per_type": {
            "crack": {
                "images": 3,
                "image_auroc": 0.9,
                "pixel_auroc": None,
                "pixel_au_pro_30": None,
                "pixel_region_recall": None,
                "image_miss_rate": 0.333,
            },
            "fray": {
                "images": 1,
                "image_auroc": 1.0,
                "pixel_auroc": 0.8,
                "pixel_au_pro_30": 0.91,
                "pixel_region_recall": 0.8,
                "image_miss_rate": 0.0,
            },
        },
        "intervals": {
            "image": {"auroc": [0.75, 1.0], "f1_max": [0.7, 1.0], "miss_rate": [0.0, 0.75]},
            "pixel": {"auroc": [0.98, 1.0], "au_pro_30": [0.85, 0.95], "aupimo": None},
        },
        "regions": {
            "regions": 5,
            "found": 4,
            "by_size": [
                {"from_px": 10, "below_px": 100, "regions": 2, "found": 1, "recall": 0.5},
                {"from_px": 1000, "below_px": 10000, "regions": 3, "found": 3, "recall": 1.0},
            ],
            "smallest_found": {"image": "test/fray/0.png", "defect_type": "fray", "area_px": 80},
            "largest_missed": {"image": "test/fray/1.png", "defect_type": "fray", "area_px": 60},
        },
        "undefined": {"pixel.aupimo": "the good test images have too few pixels"},
        "notes": ["pixel figures leave out 3 defect images without a mask"],
    },
    "curves": {
        "image_roc": {"false_alarm_rate": [0, 0, 0.25, 1], "recall": [0, 0.75, 1, 1]},
        "pixel_roc": {"false_alarm_rate": [0, 0.1, 1], "recall": [0, 0.9, 1]},
        "pro": {"false_alarm_rate": [0, 0.1, 0.5, 1], "overlap": [0, 0.8, 1, 1]},
    },
    "draws": {},
    "images": [
        {
            "path": f"{label}/{i}.png",
            "label": label,
            "defect_type": label,
            "score": score,
            "verdict": verdict,
        }
        for i, (label, score, verdict) in enumerate(
            [
                ("good", 1.0, "good"),
                ("good", 1.5, "good"),
                ("good", 2.0, "good"),
                ("good", 3.1, "defect"),
                ("defect", 2.5, "good"),
                ("defect", 4.0, "defect"),
                ("defect", 5.0, "defect"),
                ("defect", 6.0, "defect"),
            ]
        )
    ],
    "examples": {"false_alarms": [], "misses": [], "caught": []},
    "seconds": {"fit": 18.4, "evaluate": 30.0, "predict_per_image": 0.0393},
    "bytes": {"fit_peak": 1_210_000_000, "model_file": 24_000_000},
    "versions": {"blemish": "0.1.0", "python": "3.11.9"},
    "machine": {
        "processor": "a processor",
        "cores": 2,
        "memory_bytes": 8_000_000_000,
        "system": "Linux",
    },
    "model_sha256": "de" * 32,
}

FAILED: dict[str, Any] = {
    "schema": 2,
    "job": "lgp-patchcore-0-5e6f",
    "category": "lgp",
    "detector": "patchcore",
    "seed": 0,
    "date": "2026-01-31T12:00:00+00:00",
    "error": "The folder has no good images to fit on.",
    **{name: RECORD[name] for name in ("settings", "sources", "request", "versions", "machine")},
}


def made_record(changes: dict[str, Any] | None = None, **top: Any) -> AnyRecord:
    """A whole record, with changes as `category="tile"` or `{"figures.image.auroc": None}`."""
    return from_dict(record_values(changes, **top))


def record_values(changes: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    """The same as JSON values."""
    record = copy.deepcopy(RECORD)
    for path, value in {**(changes or {}), **top}.items():
        _put(record, path, value)
    return record


def made_failed_record(**top: Any) -> AnyRecord:
    """A job that ended before it knew anything."""
    return from_dict({**copy.deepcopy(FAILED), **top})


def _put(record: dict[str, Any], path: str, value: Any) -> None:
    """Set `a.b.c` of a record."""
    *parents, last = path.split(".")
    for key in parents:
        record = record[key]
    record[last] = value
