"""What many images cost on many machines: measured rates, carried on by a small simulation.

    python benchmarks/scale.py

Rates are those of the newest records of archive.py (images judged by Ray) and shards.py (fits by
shards). Carried on are core hours, bytes and memory; how much work is done twice where machines are
lost is simulated, part by part. The tables of docs/explanation/scale.md are made of it.
"""

from __future__ import annotations

import heapq
import json
from dataclasses import dataclass
from math import ceil, log10
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

RECORDS = Path(__file__).parent / "records"

ARCHIVES = (10**6, 10**8, 10**10)
GOOD_IMAGES = (10**5, 10**6, 10**7, 10**8)
CORES = {10**6: 64, 10**8: 1024, 10**10: 8192}
CORES_A_MACHINE = 8
MACHINE_LIFE_HOURS = 24.0  # of machines that are rented by the hour and taken back, at the mean
NEW_MACHINE_HOURS = 0.1  # until another takes its place
SPREAD = 0.1  # of a part's time, deviation by mean
MOST_PARTS, LEAST_IN_A_PART = 10_000, 256  # as `blemish.predictions.archive` cuts them
IMAGE_BYTES = 100_000  # a JPEG of 512 pixels
ADDRESS_BYTES = 80  # of an image in the list
PATCHES, DIMENSIONS = 1024, 128  # of an image of 256 pixels, and of each by the embedded backbone
IMAGES_A_SHARD, BANK, PICKED = 5_000, 10_000, 3
KEPT_BYTES = 8  # of a patch's score at the driver
IMAGE_FACTS_BYTES = 1500  # of an image at the driver
UNION_BYTES = 2 * 2 * 4 * DIMENSIONS + 200  # of a vector picked of a shard, at the driver
PRODUCTS_A_SECOND = 60e9  # of a core, at picking: half of what it does at its peak


@dataclass(frozen=True)
class Run:
    """How a run in parts went.

    Attributes:
        hours: from its beginning to its end.
        done_twice: work that machines took with them, as a share of all.
    """

    hours: float
    done_twice: float


def simulated(parts: int, part_hours: float, machines: int, *, seed: int = 0) -> Run:
    """Parts done by cores of machines that are lost now and then; a lost part is begun again.

    Args:
        parts: how many.
        part_hours: that one takes a core.
        machines: at a time; one that is lost is replaced.
        seed: of what is drawn.
    """
    rng = np.random.default_rng(seed)
    waiting, lost = parts, 0.0
    lives = rng.exponential(MACHINE_LIFE_HOURS, machines)
    free = [(0.0, machine, lives[machine]) for machine in range(machines)] * CORES_A_MACHINE
    heapq.heapify(free)
    end = 0.0
    while waiting and free:
        now, machine, dies = heapq.heappop(free)
        if now >= dies:
            born = dies + NEW_MACHINE_HOURS
            heapq.heappush(free, (born, machine, born + rng.exponential(MACHINE_LIFE_HOURS)))
            continue
        takes = part_hours * max(0.1, rng.normal(1, SPREAD))
        waiting -= 1
        if now + takes > dies:
            waiting, lost = waiting + 1, lost + dies - now
            heapq.heappush(free, (dies, machine, dies))
            continue
        end = max(end, now + takes)
        heapq.heappush(free, (now + takes, machine, dies))
    return Run(end, lost / (parts * part_hours))


def archives(record: dict[str, Any]) -> str:
    """A row for each number of images: to judge them."""
    turns = [row for row in record["rows"] if "throughput_ratio" in row]
    row = sorted(turns, key=lambda row: row["ray"]["cpu_seconds"])[len(turns) // 2]
    little = next(row for row in record["rows"] if "store_megabytes" in row)
    a_core = row["ray"]["cpu_seconds"] / row["images"]
    row_bytes = row["parts_bytes"] / row["images"]
    lines = _headed(
        "images", "core hours", "cores", "hours", "parts, images in each", "done twice",
        "read", "Parquet", "the list",
    )  # fmt: skip
    for images in ARCHIVES:
        cores = CORES[images]
        in_a_part = max(LEAST_IN_A_PART, ceil(images / MOST_PARTS))
        parts = ceil(images / in_a_part)
        run = simulated(parts, in_a_part * a_core / 3600, cores // CORES_A_MACHINE)
        cells = (
            f"{images:,}", f"{images * a_core / 3600:,.0f}", f"{cores:,}", f"{run.hours:,.1f}",
            f"{parts:,}, {in_a_part:,}", f"{run.done_twice:.1%}", _bytes(images * IMAGE_BYTES),
            _bytes(images * row_bytes), _bytes(images * ADDRESS_BYTES),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")

    def spread(name: str) -> str:
        values = [turn[name] for turn in turns]
        return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"

    told = f"{1000 * a_core:.1f} core milliseconds and {row_bytes:.0f} bytes of Parquet an image"
    in_little = (
        f"{little['images']:,} images of {little['side_px']} pixels in an object store of "
        f"{little['store_megabytes']} MB: {little['ray']['object_store_megabytes']:.0f} MB of it, "
        f"{little['ray']['driver_peak_megabytes']} MB in the command and "
        f"{little['ray']['actor_peak_megabytes']} MB in who judges, at most."
    )
    beside = (
        f"Beside the plain command on the same cores and {row['images']:,} images: "
        f"{spread('throughput_ratio')} times as many a second, start and all, by time, and "
        f"{spread('throughput_ratio_by_cpu_seconds')} by seconds of cores; median and range of "
        f"{len(turns)} turns, "
        "beside other work."
    )
    measured = f"{told}, measured; {_machine(record)}. {beside} {in_little}"
    return "\n".join([*lines, "", measured])


def fits(record: dict[str, Any]) -> str:
    """A row for each number of good images: to learn from them by shards."""
    row = next(row for row in record["rows"] if row["part"] == "large")
    a_core = row["fit_seconds"] * record["machine"]["cores"] / row["images"]
    lines = _headed(
        "good images", "shards", "core hours of the shards", "hours of the driver, one core",
        "memory of a worker", "memory at the driver",
    )  # fmt: skip
    for images in GOOD_IMAGES:
        shards = ceil(images / IMAGES_A_SHARD)
        union = shards * PICKED * BANK
        picking = union * BANK * DIMENSIONS * 2 / PRODUCTS_A_SECOND
        in_shards = IMAGES_A_SHARD * PATCHES * PICKED * BANK * DIMENSIONS * 2 / PRODUCTS_A_SECOND
        driver = union * UNION_BYTES + images * (PATCHES * KEPT_BYTES + IMAGE_FACTS_BYTES)
        worker = IMAGES_A_SHARD * PATCHES * DIMENSIONS * 4 * 1.4
        cells = (
            f"{images:,}", f"{shards:,}", f"{(images * a_core + shards * in_shards) / 3600:,.0f}",
            f"{3 * picking / 3600:,.1f}", _bytes(worker), _bytes(driver),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    told = f"{1000 * a_core:.0f} core milliseconds an image, looked at twice, measured"
    return "\n".join([*lines, "", f"{told}; {_machine(record)}."])


def _bytes(count: float) -> str:
    units = ("B", "kB", "MB", "GB", "TB", "PB")
    thousands = min(int(log10(max(count, 1)) / 3), len(units) - 1)
    return f"{count / 1000**thousands:.3g} {units[thousands]}"


def _headed(*heads: str) -> list[str]:
    return [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]


def _machine(record: dict[str, Any]) -> str:
    machine = record["machine"]
    return f"{machine['processor']}, {machine['cores']} cores"


def main() -> None:
    """Print the tables."""
    for pattern, table in (("archive-*.json", archives), ("shards-*.json", fits)):
        print(table(json.loads(sorted(RECORDS.glob(pattern))[-1].read_text())), end="\n\n")


if __name__ == "__main__":
    main()
