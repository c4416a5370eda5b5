"""Detectors on the same images, as a record: `blemish benchmark`, cut down to its figures.

    python benchmarks/detectors.py --shared ../shared --preset quick            # real images
    python benchmarks/detectors.py --preset quick                               # drawn surfaces

Goes on where it was interrupted (jobs are kept in build/detectors). Each job runs alone on all
cores; its seconds are only worth something where nothing else ran.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "benchmarks" / "records"
REAL = ("mvtec/bottle", "lgp", "mtd")
DRAWN = ("surfaces/tile", "surfaces/leather", "surfaces/grid")
FIGURES = {
    "image": ("auroc", "ap", "f1_max", "f1", "false_alarm_rate", "miss_rate"),
    "pixel": ("auroc", "ap", "f1_max", "au_pro_30", "au_pro_5"),
}
KEPT = ("job", "category", "detector", "seed", "date", "settings", "calibration", "seconds",
        "bytes", "sources", "machine", "versions", "model_sha256")  # fmt: skip


def main() -> None:
    """Run the jobs that are asked for and add their figures to the day's record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, help="folder with data/; drawn surfaces without")
    parser.add_argument("--data", nargs="*", help="only these of them")
    parser.add_argument("--detectors", default="patchcore,efficientad")
    parser.add_argument("--preset", help="of efficientad")
    parser.add_argument("--set", dest="settings", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    arguments = parser.parse_args()
    from blemish.benchmark.plan import plan_jobs
    from blemish.benchmark.run import run_jobs
    from blemish.cli.bars import TerminalProgress
    from blemish.records.record import FailedRecord
    from blemish.settings import parse_assignments

    names = arguments.data or (REAL if arguments.shared else DRAWN)
    settings = parse_assignments(arguments.settings)
    if arguments.preset and "efficientad" in arguments.detectors.split(","):
        settings["efficientad.preset"] = arguments.preset
    jobs = plan_jobs(
        [arguments.shared / "data" / name if arguments.shared else name for name in names],
        detectors=arguments.detectors.split(","),
        seeds=arguments.seeds,
        settings=settings,
    )
    folder = ROOT / "build" / "detectors"
    for job in jobs:
        (record,) = run_jobs([job], folder, progress=TerminalProgress())
        if isinstance(record, FailedRecord):
            raise SystemExit(f"{job.id}: {record.error}")
        keep(cut_down(record.to_dict()))


def cut_down(record: dict[str, Any]) -> dict[str, Any]:
    """Figures with their intervals, cost and provenance; no images, curves and draws."""
    found = record["figures"]
    figures = {
        level: {
            name: {"value": found[level][name], "interval": found["intervals"][level].get(name)}
            for name in names
        }
        for level, names in FIGURES.items()
    }
    dataset = {k: record["dataset"][k] for k in ("name", "train_good", "test_good", "test_defect")}
    row = {k: record[k] for k in KEPT} | {"figures": figures, "dataset": dataset}
    told = {level: {k: v["value"] for k, v in figures[level].items()} for level in figures}
    print(json.dumps(told | {"job": record["job"], "seconds": record["seconds"]}), flush=True)
    return row


def keep(row: dict[str, Any]) -> None:
    """Put a row into the day's record, in the place of an earlier one of the same job."""
    path = RECORDS / f"detectors-{datetime.now(UTC).date().isoformat()}.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    rows = [one for one in rows if one["job"] != row["job"]] + [row]
    path.write_text(json.dumps({"rows": rows}, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
