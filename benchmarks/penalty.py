"""EfficientAd against drawn penalty images, photographs, and none, as a record.

    python benchmarks/penalty.py --shared ../shared

The photographs are those of the other data sets: images of real parts, but not of these.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RECORDS = Path(__file__).parent / "records"
DATA = {"bottle": "mvtec/bottle", "lgp": "lgp"}
OTHERS = {"bottle": ["lgp", "mtd"], "lgp": ["mvtec", "mtd"]}


def main() -> None:
    """Run all cases and write a record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--data", nargs="*", choices=list(DATA), default=list(DATA))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    arguments = parser.parse_args()
    from blemish.records.machine import machine, versions

    data, rows = arguments.shared.resolve() / "data", []
    for name in arguments.data:
        folder = DATA[name]
        with tempfile.TemporaryDirectory() as photographs:
            for other in OTHERS[name]:
                (Path(photographs) / other).symlink_to(data / other)
            cases: dict[str, dict[str, Any]] = {
                "drawn": {},
                "photographs of other parts": {"penalty": photographs},
                "none": {"penalty_weight": 0.0},
            }
            for words, settings in cases.items():
                chosen = {"preset": arguments.preset, **settings}
                found = [measure(data / folder, chosen | {"seed": s}) for s in arguments.seeds]
                mean = {k: sum(one[k] for one in found) / len(found) for k in found[0]}
                rows.append({"data": name, "penalty": words, "seeds": arguments.seeds, **mean})
                print(json.dumps(rows[-1]), flush=True)
    day = datetime.now(UTC).date().isoformat()
    record = {
        "machine": machine(),
        "versions": versions(),
        "preset": arguments.preset,
        "rows": rows,
    }
    (RECORDS / f"penalty-{day}.json").write_text(
        json.dumps(record, indent=2, sort_keys=True) + "\n"
    )


def measure(folder: Path, settings: dict[str, Any]) -> dict[str, float]:
    """Fit and evaluate once."""
    import blemish
    from blemish.detectors.registry import make_detector

    dataset = blemish.open_dataset(folder)
    found = blemish.evaluate(blemish.fit(dataset, make_detector("efficientad", settings)), dataset)
    return {
        "image_auroc": float(found.image["auroc"] or 0),
        "pixel_auroc": float(found.pixel["auroc"] or 0),
        "au_pro_30": float(found.pixel["au_pro_30"] or 0),
    }


if __name__ == "__main__":
    main()
