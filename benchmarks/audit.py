"""What `blemish check` takes on very many files: seconds of the processor, and memory.

    python benchmarks/audit.py --images 1000 10000 100000

Images are noise of 64 x 64 pixels, written before the clock starts: half of each folder is a class.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from day_record import DayRecord

SIDE_PX = 64


def main() -> None:
    """Measure each number that the day's record does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", nargs="*", type=int, default=[1000, 10_000, 100_000])
    arguments = parser.parse_args()
    record = DayRecord("audit")
    for count in arguments.images:
        if not record.holds({"images": count}):
            with tempfile.TemporaryDirectory() as folder:
                draw(Path(folder), count)
                record.add({"images": count} | check(Path(folder)))


def draw(folder: Path, count: int) -> None:
    """Write good and defective images, and masks of the latter."""
    rng = np.random.default_rng(0)
    for name in ("good", "dent", "masks/dent"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        pixels = rng.integers(0, 256, (SIDE_PX, SIDE_PX), dtype=np.uint8)
        defect = number % 10 == 9
        place = folder / ("dent" if defect else "good") / f"{number:06}.png"
        Image.fromarray(pixels).save(place, compress_level=1)
        if defect:
            mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
            mask[8:20, 8:20] = 255
            Image.fromarray(mask).save(folder / f"masks/dent/{number:06}.png")


def check(folder: Path) -> dict[str, float]:
    """Run the command by itself: seconds, seconds of the processor, peak memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [sys.executable, "-m", "blemish", "check", str(folder), "--json"]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used, 1),
        "peak_megabytes": round(after.ru_maxrss * 1024 / 1e6),
    }


if __name__ == "__main__":
    main()
