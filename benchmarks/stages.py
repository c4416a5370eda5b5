"""Where PatchCore's time goes: an image, a batch of eight and a fit, stage by stage.

Stages of the graph are sums of its nodes by ONNX Runtime's own profile. Beside each stands the
least time that its work takes at the machine's peaks, measured in the same run. `--before` names
an earlier checkout, whose own script takes its fit apart after this one's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from graph_stages import Stage, stage_seconds, stages_of
from limits import peaks
from run import EMBEDDED, named
from timing import last_line, rounds, spread, timed, warm

if TYPE_CHECKING:
    import blemish

RECORDS = Path(__file__).parent / "records"
BACKBONES = (EMBEDDED, "mobilenetv2")
BATCHES = {"one": 1, "eight": 8}
REPEATS, WAYS_TO_RESIZE = 5, 3

OPEN = """
import json, sys, time
from blemish.graph.runtime import onnxruntime
times = [time.perf_counter()]
onnxruntime()
times.append(time.perf_counter())
import blemish
for _ in range(2):
    blemish.load(sys.argv[1])
    times.append(time.perf_counter())
print(json.dumps([after - before for before, after in zip(times, times[1:])]))
"""


def main() -> None:
    """Measure the parts asked for; what was measured on this day is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/, backbones/")
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--backbones", nargs="*", choices=BACKBONES, default=BACKBONES)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--fits", type=int, default=WAYS_TO_RESIZE)
    parser.add_argument("--before", type=Path, help="an earlier checkout, to compare fits with")
    arguments = parser.parse_args()
    from blemish.records.machine import machine, versions

    path = RECORDS / f"stages-{datetime.now(UTC).date().isoformat()}.json"
    record = json.loads(path.read_text()) if path.exists() else {"parts": {}}
    record |= {"machine": machine(), "versions": versions()}
    record["parts"]["peaks"] = peaks(arguments)
    for part in arguments.only:
        results = record["parts"].setdefault(part, {})
        for backbone in arguments.backbones:
            print(f"{part}, {backbone} ...", flush=True)
            results[backbone] = PARTS[part](backbone, arguments, record["parts"]["peaks"])
            print(json.dumps(results[backbone], indent=2), flush=True)
            write(path, record)
    if arguments.before is not None:
        print(f"fit, {arguments.before} ...", flush=True)
        record["parts"]["fit_before"] = fit_before(arguments)
        write(path, record)


def write(path: Path, record: dict[str, Any]) -> None:
    """Keep what was measured so far."""
    path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")


def stages(
    backbone: str, arguments: argparse.Namespace, limits: dict[str, float]
) -> dict[str, Any]:
    """Milliseconds an image: one warm image, and eight at once."""
    model = fitted(backbone, arguments.shared)
    samples = bottle(arguments.shared).test
    result: dict[str, Any] = {}
    for name, batch in BATCHES.items():
        paths = [sample.path for sample in samples[:batch]]
        stack = np.stack([model.read(path) for path in paths])
        scores, maps = model.raw(stack)

        def verdicts(
            stack: np.ndarray = stack, scores: np.ndarray = scores, maps: np.ndarray = maps
        ) -> None:
            for image, score, score_map in zip(stack, scores.tolist(), maps, strict=True):
                model._verdict(None, image, score, score_map, 0.0)

        works: dict[str, Callable[[], Any]] = {
            "decode": lambda paths=paths: list(decoded(model, paths)),
            "graph": partial(model.raw, stack),
            "verdict and regions": verdicts,
        }
        parts = stages_of(model._data, stack)
        taken: dict[str, list[float]] = defaultdict(list)
        for _ in rounds():
            profiled = stage_seconds(model._data, parts, stack, arguments.repeats)
            for part, seconds in profiled.items():
                taken[part] += seconds
            for part, work in works.items():
                taken[part] += warm(work, arguments.repeats)
        result[name] = {
            part: {"milliseconds": an_image(seconds, batch)} for part, seconds in taken.items()
        }
        for stage in parts:
            median = statistics.median(taken[stage.name])
            result[name][stage.name] |= work_of(stage, batch, median, limits)
    result["figures"] = figures(model, samples, arguments.fits)
    return result


def work_of(stage: Stage, batch: int, seconds: float, limits: dict[str, float]) -> dict[str, float]:
    """Work an image, and the least time for it by the machine's peaks, as shares of that taken."""
    operations = stage.float_operations + stage.byte_operations
    products = stage.float_operations / limits["float32_gflops"]
    products += stage.byte_operations / limits["int8_gops"]
    copying = stage.moved_bytes / limits["copy_gigabytes_a_second"]
    least = {"products": products / 1e9, "copying": copying / 1e9}
    return {
        "gflop": round(operations / batch / 1e9, 4),
        "megabytes": round(stage.moved_bytes / batch / 1e6, 3),
        **{f"share_of_{limit}": round(needed / seconds, 3) for limit, needed in least.items()},
    }


def decoded(model: blemish.Model, paths: list[Path]) -> Iterator[Any]:
    """Images as `predict` reads them: alone, or several by threads."""
    from blemish.parallel import read_ahead

    return iter([model.read(paths[0])]) if len(paths) == 1 else read_ahead(paths, model.read)


def figures(model: blemish.Model, samples: Any, repeats: int) -> dict[str, Any]:
    """What `evaluate` adds for an image: masks, figures, intervals, all shared among them."""
    from blemish.evaluation.measure import measure
    from blemish.metrics.decisions import Thresholds

    judged = list(zip(samples, model.predict([sample.path for sample in samples]), strict=True))
    thresholds = Thresholds(model.calibration.image_threshold, model.calibration.pixel_threshold)
    seconds = timed(lambda: measure(judged, len(judged), thresholds), repeats)
    return {"images": len(judged), "milliseconds": an_image(seconds, len(judged))}


def fit(backbone: str, arguments: argparse.Namespace, limits: dict[str, float]) -> dict[str, Any]:
    """Seconds of a fit, in a process that has all imported."""
    import blemish
    from blemish.data.loading import GoodImages

    dataset = bottle(arguments.shared)
    model = fitted(backbone, arguments.shared)
    seconds: dict[str, list[float]] = defaultdict(list)
    for _ in range(arguments.fits):
        seconds["decode alone"] += timed(lambda: list(GoodImages(dataset.train)), 1)
        progress, start = Clock(), time.perf_counter()
        blemish.fit(dataset, detector(backbone, arguments.shared), progress=progress)
        whole = time.perf_counter() - start
        for name, taken in progress.seconds.items():
            seconds[name].append(taken)
        seconds["rest"].append(whole - sum(progress.seconds.values()))
        seconds["fit"].append(whole)
    result: dict[str, Any] = {
        name: {"seconds": spread(taken, 3)} for name, taken in seconds.items()
    }
    facts, images = model.facts.detector.details, len(dataset.train)
    counted = stages_of(model._data, model.read(dataset.train[0].path)[None])
    to_patches = sum(s.float_operations for s in counted if s.name in ("backbone", "patches"))
    work = {
        "features": images * to_patches,
        "leave out": 2 * facts["patches"] * facts["bank_vectors"] * facts["bank_dimensions"],
    }
    for name, operations in work.items():
        least = operations / limits["float32_gflops"] / 1e9
        share = round(least / result[name]["seconds"]["median"], 3)
        result[name] |= {"gflop": round(operations / 1e9, 1), "share_of_products": share}
    return result | {"images": images}


def fit_before(arguments: argparse.Namespace) -> dict[str, Any]:
    """The same part by the script and the package of an earlier checkout, and its commit."""
    checkout: Path = arguments.before.resolve()
    script = checkout / "benchmarks" / "stages.py"
    options = ["--shared", arguments.shared.resolve(), "--only", "fit", "--fits", arguments.fits]
    subprocess.run(
        [sys.executable, script, *map(str, options), "--backbones", *arguments.backbones],
        env=os.environ | {"PYTHONPATH": str(checkout / "src")},
        cwd=checkout,
        check=True,
    )
    records = script.parent.glob("records/stages-*.json")
    path = max(records, key=lambda record: record.stat().st_mtime)
    describe = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(describe, check=True, capture_output=True, text=True).stdout.strip()
    return {"commit": commit, **json.loads(path.read_text())["parts"]["fit"]}


def opening(
    backbone: str,
    arguments: argparse.Namespace,
    _limits: dict[str, float],
) -> dict[str, Any]:
    """Seconds to open a model file: the first in a process, its imports apart, and once more."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        fitted(backbone, arguments.shared).save(file)
        runs = [last_line(OPEN, str(file)) for _ in rounds(arguments.repeats)]
        size = file.stat().st_size
    names = ("import_onnxruntime", "first", "again")
    return {"bytes": size} | {
        name: spread(list(taken))
        for name, taken in zip(names, zip(*runs, strict=True), strict=True)
    }


def folder(
    backbone: str,
    arguments: argparse.Namespace,
    _limits: dict[str, float],
) -> dict[str, Any]:
    """Images a second from files to verdicts, and the share of all cores that was busy.

    Threads that wait for work by spinning count as busy.
    """
    from blemish.parallel import available_cores

    model = fitted(backbone, arguments.shared)
    paths: list[Any] = [sample.path for sample in bottle(arguments.shared).test]
    list(model.predict_each(paths))
    rates, busy = [], []
    for _ in rounds(arguments.repeats):
        start, worked = time.perf_counter(), time.process_time()
        list(model.predict_each(paths))
        wall, worked = time.perf_counter() - start, time.process_time() - worked
        rates.append(len(paths) / wall)
        busy.append(worked / wall / available_cores())
    return {
        "images": len(paths),
        "images_a_second": spread(rates, 1),
        "share_of_cores": spread(busy, 3),
    }


class Clock:
    """A progress that keeps how long each stage took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str, _total: int) -> Iterator[Callable[..., None]]:
        """Time a stage."""
        start = time.perf_counter()
        yield lambda *_: None
        self.seconds[name] += time.perf_counter() - start

    def say(self, message: str) -> None:
        """Show what must be heard."""
        print(message, flush=True)


def an_image(seconds: list[float], batch: int) -> dict[str, float]:
    """Milliseconds an image."""
    return spread([1000 * second / batch for second in seconds], 3)


def detector(backbone: str, shared: Path) -> blemish.PatchCore:
    """PatchCore by default, but for its backbone."""
    import blemish

    return blemish.PatchCore(backbone=named(backbone, shared))


@cache
def bottle(shared: Path) -> blemish.Dataset:
    """The images."""
    import blemish

    return blemish.open_dataset(shared / "data" / "mvtec" / "bottle")


@cache
def fitted(backbone: str, shared: Path) -> blemish.Model:
    """The model that is taken apart."""
    import blemish

    return blemish.fit(bottle(shared), detector(backbone, shared))


PARTS: dict[str, Callable[[str, argparse.Namespace, dict[str, float]], dict[str, Any]]] = {
    "stages": stages,
    "fit": fit,
    "open": opening,
    "folder": folder,
}

if __name__ == "__main__":
    main()
