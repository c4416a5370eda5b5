"""`blemish serve` under load, beside `predict` on the same cores in the same run.

python benchmarks/serve.py --shared ../shared
python benchmarks/serve.py --shared ../shared --seconds 3 --overload 10   # a look

Clients and service share the cores: what clients take is taken from both, and told.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from day_record import DayRecord
from load import ask_all
from run import disk_bytes
from timing import spread

ROUNDS = 5
CLIENTS = (1, 4, 16)
BATCHES = (1, 2, 4, 8)
OVERLOADED, TIMES = 160, 10  # clients, and what they ask for of what it can
EXTRAS = ("", "[serve]", "[station]")
ROOT = Path(__file__).parents[1]


def main() -> None:
    """Measure what is not in the day's record yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder of real images")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load, in each round")
    parser.add_argument("--overload", type=float, default=60.0, help="seconds of the overload")
    parser.add_argument("--parts", nargs="+", default=["load", "overload", "batches", "size"])
    arguments = parser.parse_args()
    record = DayRecord("serve")
    parts = [part for part in arguments.parts if not record.holds({"part": part})]
    if set(parts) & {"load", "overload", "batches"}:
        import blemish

        dataset = blemish.open_dataset(arguments.shared / "data" / "mvtec" / "bottle")
        model = blemish.fit(dataset, blemish.PatchCore())
        paths = [Path(sample.path) for sample in dataset.test]
        images = [path.read_bytes() for path in paths]
        if "batches" in parts:
            record.add(*batches(model, images))
        if "load" in parts or "overload" in parts:
            with tempfile.TemporaryDirectory() as folder:
                model.save(Path(folder) / "bottle.onnx")
                with service(Path(folder) / "bottle.onnx") as (address, process):
                    if "load" in parts:
                        record.add(
                            *load(model, paths, images, address, process, seconds=arguments.seconds)
                        )
                    if "overload" in parts:
                        record.add(overload(images, address, process, arguments.overload))
    if "size" in parts:
        for extra in EXTRAS:
            record.add(size(extra))


@contextmanager
def service(model: Path) -> Iterator[tuple[tuple[str, int], int]]:
    """The command in a process of its own: its address, and its number."""
    command = [sys.executable, "-m", "blemish", "serve", str(model), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            host, port = json.loads(process.stdout.readline())["url"].split("//")[1].split(":")
            yield (host, int(port)), process.pid
        finally:
            process.terminate()
            process.wait(60)


def load(
    model: Any,
    paths: Sequence[Path],
    images: Sequence[bytes],
    address: tuple[str, int],
    process: int,
    *,
    seconds: float,
) -> list[dict[str, Any]]:
    """Closed loops, in turns with `predict` of the same images."""
    list(model.predict_each(paths))
    ask_all(address, images, clients=4, seconds=1.0)
    rates: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
    times: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
    predicted, one_by_one, memory = [], [], [resident_bytes(process)]
    for _ in range(ROUNDS):
        predicted.append(rate_of(lambda: len(list(model.predict_each(paths))), seconds))
        one_by_one += one_at_a_time(model, images, seconds)
        for clients in CLIENTS:
            found = ask_all(address, images, clients=clients, seconds=seconds)
            assert all(answer.status == 200 and answer.own for answer in found)
            took = max(a.sent + a.seconds for a in found) - min(a.sent for a in found)
            rates[clients].append(len(found) / took)
            times[clients] += [answer.seconds for answer in found]
        memory.append(resident_bytes(process))
    rows: list[dict[str, Any]] = [
        {
            "part": "load",
            "kind": "predict",
            "images_per_second": spread(predicted, 1),
            "milliseconds": percentiles(one_by_one),
        }
    ]
    for clients in CLIENTS:
        ratios = [rate / own for rate, own in zip(rates[clients], predicted, strict=True)]
        rows.append(
            {
                "part": "load",
                "kind": "serve",
                "clients": clients,
                "requests": len(times[clients]),
                "images_per_second": spread(rates[clients], 1),
                "of_predict": spread(ratios, 3),
                "milliseconds": percentiles(times[clients]),
            }
        )
    rows.append({"part": "load", "kind": "memory", "bytes_after_each_round": memory})
    return rows


def overload(
    images: Sequence[bytes], address: tuple[str, int], process: int, seconds: float
) -> dict[str, Any]:
    """Ten times as many requests as it can answer; then one."""
    alone = ask_all(address, images, clients=4, seconds=5.0)
    can = len(alone) / 5.0
    before, memory = judged(address), resident_bytes(process)
    found = ask_all(address, images, clients=OVERLOADED, seconds=seconds, rate=TIMES * can)
    ended = time.monotonic()
    while ask_all(address, images[:1], clients=1, seconds=0.0)[-1].status != 200:
        pass
    statuses = Counter(answer.status for answer in found)
    accepted = [answer for answer in found if answer.status == 200]
    return {
        "part": "overload",
        "clients": OVERLOADED,
        "seconds": seconds,
        "images_per_second_before": round(can, 1),
        "asked_per_second": round(len(found) / seconds, 1),
        "statuses": {str(status): number for status, number in sorted(statuses.items())},
        "images_per_second": round(len(accepted) / seconds, 1),
        "milliseconds": percentiles([answer.seconds for answer in accepted]),
        "milliseconds_of_503": percentiles([a.seconds for a in found if a.status == 503]),
        "answers_of_others": sum(not answer.own for answer in found),
        "judged_and_not_told": judged(address) - before - len(accepted) - 1,
        "bytes_before": memory,
        "bytes_after": resident_bytes(process),
        "seconds_to_recover": round(time.monotonic() - ended, 2),
    }


def batches(model: Any, images: Sequence[bytes]) -> list[dict[str, Any]]:
    """Milliseconds an image in the graph: on a core each, or several together on all cores."""
    pixels = [model.read(image) for image in images[:8]]
    cores = model.engine.at_once
    rows = []
    with ThreadPoolExecutor(cores) as threads:

        def each() -> None:
            list(threads.map(model.predict_here, pixels))

        each()
        rows.append(
            {"part": "batches", "kind": "a core each", "milliseconds": ms(each, len(pixels))}
        )
        for together in BATCHES:
            stack = np.stack(pixels[:together])

            def at_once(stack: Any = stack) -> None:
                model.session.run(["score", "score_map"], image=stack)

            at_once()
            row = {"part": "batches", "kind": "together", "images": together}
            rows.append(row | {"milliseconds": ms(at_once, together)})
    return rows


def size(extra: str) -> dict[str, Any]:
    """What `pip install` of the package with an extra adds to an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "venv"
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        empty = disk_bytes(environment)
        pip = [environment / "bin" / "python", "-m", "pip", "install", "-q"]
        subprocess.run([*pip, f"{ROOT}{extra}"], check=True)
        packages = list(environment.glob("lib/python*/site-packages/*.dist-info"))
        added = disk_bytes(environment) - empty
    return {
        "part": "size",
        "extra": extra,
        "megabytes_added": round(added / 1e6),
        "distributions": len(packages),
    }


def rate_of(work: Any, seconds: float) -> float:
    """Images a second of something that judges some, over and over."""
    start, done = time.monotonic(), 0
    while time.monotonic() < start + seconds:
        done += work()
    return done / (time.monotonic() - start)


def one_at_a_time(model: Any, images: Sequence[bytes], seconds: float) -> list[float]:
    """Seconds of each image, from its file to its verdict, on all cores."""
    found: list[float] = []
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        begun = time.monotonic()
        model.predict(images[len(found) % len(images)])
        found.append(time.monotonic() - begun)
    return found


def percentiles(seconds: Sequence[float]) -> dict[str, float] | None:
    """Of times, in milliseconds."""
    if not seconds:
        return None
    p50, p99 = np.percentile(seconds, [50, 99]).tolist()
    return {
        "p50": round(1000 * p50, 2),
        "p99": round(1000 * p99, 2),
        "most": round(1000 * max(seconds), 2),
    }


def ms(work: Any, images: int) -> dict[str, float]:
    """Milliseconds an image of something that judges so many."""
    found = []
    for _ in range(7):
        start = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - start) / images)
    return spread(found, 2)


def judged(address: tuple[str, int]) -> int:
    """Images that the service says it judged."""
    with urllib.request.urlopen("http://{}:{}/metrics".format(*address)) as answer:
        lines = answer.read().decode().splitlines()
    return round(sum(float(x.split()[-1]) for x in lines if x.startswith("blemish_verdicts_total")))


def resident_bytes(process: int) -> int:
    """Memory of a process."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return 1024 * int(line.split()[1])
    raise ValueError("The kernel does not say.")


if __name__ == "__main__":
    main()
