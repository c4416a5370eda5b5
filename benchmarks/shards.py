"""Banks that are picked from shards, beside one that is picked from all patches at once.

    python benchmarks/shards.py --shared ../shared --parts figures promise
    python benchmarks/shards.py --parts large                  # 20 000 images, by Ray; half an hour

figures: image and pixel figures and the covering radius, on the same images with the same seed.
promise: fresh good images rejected beside what is promised, as false_alarms.py counts them.
large: images drawn for it, fitted by Ray on this machine; the radius beside the one that greed
reaches when it sees all patches, and the memory of each process beside what was planned.
What the day's record holds already is left as it is.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import numpy as np
from PIL import Image

import blemish
from archive import memory_of, words_of
from blemish.data.loading import GoodImages
from blemish.progress import LoggedProgress
from day_record import DayRecord
from detectors import DRAWN, REAL
from false_alarms import cases, measured

PROMISED = ("lgp", "mvtec/bottle", "heavy tails", "still camera, 96 px, noise 0.3")
DRAWINGS, DRAWINGS_SIDE_PX = 100, 256
POLL_SECONDS = 0.5
LARGE_BANK = 1000
LOOKED_AT = ("driver", "_looked_at", "pick", "judge")  # processes, by what they do


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, help="folder with data/; drawn surfaces without")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--data", nargs="*", help="of the figures, only these")
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--images", type=int, default=20_000, help="of the large fit")
    arguments = parser.parse_args()
    record = DayRecord("shards")
    for part in arguments.parts:
        PARTS[part](record, arguments)


def figures(record: DayRecord, arguments: argparse.Namespace) -> None:
    """One bank by shards and one at once, of each set."""
    wanted = arguments.data or [*DRAWN, *(REAL if arguments.shared else ())]
    for data in wanted:
        place = data if data in DRAWN else arguments.shared / "data" / data
        for seed in arguments.seeds:
            for shards in (0, arguments.shards):
                case = {"part": "figures", "data": Path(data).name, "seed": seed, "shards": shards}
                if not record.holds(case):
                    record.add(case | _figures(place, seed, shards))


def _figures(place: str | Path, seed: int, shards: int) -> dict[str, Any]:
    dataset = blemish.open_dataset(place)
    start = time.perf_counter()
    model = blemish.fit(dataset, blemish.PatchCore(seed=seed, shards=shards))
    seconds = time.perf_counter() - start
    found = blemish.evaluate(model, dataset)
    details = model.facts.detector.details
    return {
        "image_auroc": found.image["auroc"],
        "pixel": {name: found.pixel[name] for name in ("auroc", "ap", "au_pro_30")},
        "radius": details["coreset_radius"],
        "threshold": model.calibration.image_threshold,
        "fit_seconds": round(seconds, 1),
    }


def promise(record: DayRecord, arguments: argparse.Namespace) -> None:
    """Good images rejected, draw by draw."""
    data = (arguments.shared or Path("nowhere")) / "data"
    chosen = [case for case in cases(data) if case.name in PROMISED]
    for number in range(arguments.draws):
        for case in chosen:
            row = {
                "part": "promise",
                "case": case.name,
                "images": case.images,
                "draw": number,
                "shards": arguments.shards,
            }
            if not record.holds(row):
                settings = {**case.settings, "shards": arguments.shards}
                record.add(row | measured(replace(case, settings=settings), number))


def large(record: DayRecord, arguments: argparse.Namespace) -> None:
    """A fit of many images by Ray, and what greed reaches with all patches at hand."""
    from blemish.cluster.connect import connected
    from blemish.cluster.workers import RayWorkers

    case = {"part": "large", "images": arguments.images, "shards": arguments.shards}
    if record.holds(case):
        return
    with TemporaryDirectory() as folder:
        draw_many(Path(folder) / "good", arguments.images)
        dataset = blemish.open_dataset(folder, test_fraction=0.001)
        sized = {"coreset_count": LARGE_BANK, "memory_megabytes": 18_000}
        detector = blemish.PatchCore(shards=arguments.shards, **sized)
        planned = detector.plan(GoodImages(dataset.train)).to_dict()
        start = time.perf_counter()
        with connected() as ray, watched() as peaks:
            model = blemish.fit(dataset, detector, workers=RayWorkers(ray))
        seconds = time.perf_counter() - start
        details = model.facts.detector.details
        row = {
            "fit_seconds": round(seconds, 1),
            "radius": details["coreset_radius"],
            "candidates": details["candidates"],
            "planned": {name: planned[name] for name in ("worker_bytes", "driver_bytes")},
            "peak_bytes": peaks,
        }
        start = time.perf_counter()
        whole = blemish.PatchCore(calibration_folds=0, normalisation="none", **sized)
        fitted = whole.fit(GoodImages(dataset.train), progress=LoggedProgress())
        row |= {
            "radius_of_all": fitted.details["coreset_radius"],
            "seconds_of_all": round(time.perf_counter() - start, 1),
        }
        fitted.close()
    record.add(case | row | {"ratio": round(row["radius"] / row["radius_of_all"], 4)})


def draw_many(folder: Path, count: int) -> None:
    """Good images of a drawn surface: a few drawings turned, moved, lit and covered with noise."""
    samples = blemish.open_dataset("surfaces", category="leather").train
    drawings = [sample.read() for sample in samples[:DRAWINGS]]
    folder.mkdir(parents=True)
    for number in range(count):
        rng = np.random.default_rng([number, 11])
        image = np.rot90(drawings[rng.integers(len(drawings))], rng.integers(4))
        image = np.roll(image, rng.integers(0, DRAWINGS_SIDE_PX, 2), axis=(0, 1))
        lit = image * rng.uniform(0.85, 1.15) + rng.normal(0, 2, image.shape)
        pixels = np.clip(np.rint(lit), 0, 255).astype(np.uint8)[
            :DRAWINGS_SIDE_PX, :DRAWINGS_SIDE_PX
        ]
        Image.fromarray(pixels).save(folder / f"{number:06}.jpg", quality=92)


@contextmanager
def watched() -> Iterator[dict[str, int]]:
    """The most memory of its own that each kind of process has, as far as looking shows it."""
    peaks: dict[str, int] = {}
    over = Event()

    def look() -> None:
        while not over.wait(POLL_SECONDS):
            for process in Path("/proc").glob("[0-9]*"):
                note(int(process.name), peaks)

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def note(pid: int, peaks: dict[str, int]) -> None:
    """Look at a process, where it is one of Ray's or this one."""
    title = words_of(pid).split(b"\0")[0].decode(errors="replace")
    name = "driver" if pid == os.getpid() else title.removeprefix("ray::")
    if name != title and name in LOOKED_AT:
        own = memory_of(pid, "VmRSS") - memory_of(pid, "RssShmem")
        peaks[name] = max(peaks.get(name, 0), own)


PARTS = {"figures": figures, "promise": promise, "large": large}


if __name__ == "__main__":
    main()
