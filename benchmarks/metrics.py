"""Pixel figures of many large maps: time and memory against sorting everything, as a record.

    python benchmarks/metrics.py

200 maps of 1024 x 1024, a third with defects. blemish makes all pixel figures from maps that come
one by one, and draws the images again for their intervals; the plain definition sorts all pixels
together, scikit-learn gives two of the figures. Each runs in a process of its own, on the same
maps, in turns, so that a machine that becomes slower does so for all; making the maps is not timed,
but is in the memory. All figures must agree. Needs the extra `dev`, about 16 GB, and a machine that
does nothing else. Fewer or smaller maps (`--images`, `--side`), some of the ways (`--ways`), or a
machine at work are a trial, which leaves no record.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from timing import spread

RECORDS = Path(__file__).parent / "records"
IMAGES, SIDE_PX = 200, 1024
LIMITS = {"au_pro_30": 0.3, "au_pro_5": 0.05}
PIMO_RANGE = (1e-5, 1e-4)
THRESHOLD = 3.5
AGREE = 1e-9
BYTES_A_PIXEL = {"plain": 40, "scikit-learn": 80}  # in memory at their worst
TIMES_AS_FAST, MOST_MEGABYTES, MOST_SECONDS = 10, 500, 10  # what is claimed
QUIET_LOAD = 0.3  # of a machine that does nothing else


def main() -> None:
    """Run all in turn, or one of them where a process was started for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--side", type=int, default=SIDE_PX)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--only", choices=list(WAYS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(run(arguments.only, arguments.images, arguments.side)))
        return
    warn_of_memory(arguments)
    load = os.getloadavg()[0]
    if load > QUIET_LOAD:
        print(f"This machine is at work (load {load:.1f}): times will not be kept.", flush=True)
    results = measure_all(arguments)
    apart = furthest_apart([result.pop("figures") for result in results.values()])
    print(f"figures differ by {apart:.1e} at most")
    if apart > AGREE:
        sys.exit("The figures do not agree.")
    claims = judge(results)
    print(json.dumps(claims, indent=2))
    whole = (arguments.images, arguments.side) == (IMAGES, SIDE_PX)
    if whole and set(arguments.ways) == set(WAYS) and load <= QUIET_LOAD:
        write_record(results, claims, apart, load)


def warn_of_memory(arguments: argparse.Namespace) -> None:
    """Say so where the machine may have too little for what sorts all pixels together."""
    most = max(BYTES_A_PIXEL.get(way, 0) for way in arguments.ways)
    needed = arguments.images * arguments.side**2 * most
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    if needed > free:
        told = f"{free / 1e9:.0f} GB are free, not counting what the system caches"
        print(f"This may take {needed / 1e9:.0f} GB; {told}.", flush=True)


def write_record(
    results: dict[str, Any], claims: dict[str, Any], apart: float, load: float
) -> None:
    """Write the record of this day."""
    import sklearn

    from blemish.records.machine import machine, versions

    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load_before": round(load, 2),
        "versions": versions() | {"scikit-learn": sklearn.__version__},
        "images": IMAGES,
        "side_px": SIDE_PX,
        "figures_differ_by_at_most": apart,
        "claims": claims,
        "results": results,
    }
    path = RECORDS / f"metrics-{record['date'][:10]}.json"
    path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    print(f"written: {path}")


def measure_all(arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds, with their spread, and peak memory of each way, in processes of their own."""
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in arguments.ways}
    for number in range(arguments.repeats):
        for way, own in runs.items():
            own.append(in_a_process(way, arguments.images, arguments.side))
            times = f"{own[-1]['seconds']:.1f} s, {own[-1]['cpu_seconds']:.1f} s of processors"
            memory = f"{own[-1]['peak_bytes'] / 1e6:.0f} MB"
            print(f"{number + 1} {way}: {times}, {memory}", flush=True)
    return {
        way: {
            "seconds": spread([run["seconds"] for run in own], 3),
            "cpu_seconds": spread([run["cpu_seconds"] for run in own], 3),
            "peak_megabytes": round(max(run["peak_bytes"] for run in own) / 1e6),
            "figures": own[0]["figures"],
        }
        for way, own in runs.items()
    }


def in_a_process(way: str, images: int, side: int) -> dict[str, Any]:
    """What one way takes and gives, in a process of its own."""
    command = [sys.executable, __file__, "--only", way]
    command += ["--images", str(images), "--side", str(side)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        killed = f"{way} was killed, for lack of memory maybe." if ended.returncode < 0 else ""
        sys.exit(ended.stderr + killed)
    result: dict[str, Any] = json.loads(ended.stdout)
    return result


def judge(results: dict[str, Any]) -> dict[str, Any]:
    """What is claimed, beside what was measured."""
    seconds = {way: result["seconds"]["median"] for way, result in results.items()}
    claims: dict[str, Any] = {}
    for way in ("plain", "scikit-learn"):
        if {way, "blemish"} <= set(results):
            claims[f"times_as_fast_as_{way}"] = round(seconds[way] / seconds["blemish"], 1)
    if "blemish" in results:
        memory = results["blemish"]["peak_megabytes"]
        claims |= {"peak_megabytes": memory, "memory_kept": memory < MOST_MEGABYTES}
    if "times_as_fast_as_plain" in claims:
        claims["speed_kept"] = claims["times_as_fast_as_plain"] >= TIMES_AS_FAST
    if "bootstrap" in results:
        claims["bootstrap_seconds"] = seconds["bootstrap"]
        claims["bootstrap_kept"] = seconds["bootstrap"] < MOST_SECONDS
    return claims


def furthest_apart(figures: list[dict[str, float | None]]) -> float:
    """The largest difference between two ways in a figure that both give."""
    return max(
        abs(one[name] - other[name]) for one in figures for other in figures for name in one
        if None not in (one[name], other.get(name))
    )  # fmt: skip


def run(way: str, images: int, side: int) -> dict[str, Any]:
    """What one way takes and gives, in this process."""
    from blemish.records.machine import peak_memory_bytes

    clock = Clock()
    figures = WAYS[way](draw_maps(images, side), clock)
    took = {"seconds": clock.seconds, "cpu_seconds": clock.cpu_seconds}
    return took | {"figures": figures, "peak_bytes": peak_memory_bytes()}


class Clock:
    """Adds up the seconds of what runs in its context, by the wall and of all processors."""

    seconds = cpu_seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what is done within."""
        start, cpu_start = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - start
        self.cpu_seconds += time.process_time() - cpu_start


Maps = Iterator[tuple[np.ndarray, np.ndarray]]
Figures = dict[str, float]


def draw_maps(images: int, side: int) -> Maps:
    """Noise, higher in the defects: some discs in each third image, 3 % of its pixels."""
    y, x = np.ogrid[:side, :side]
    for number in range(images):
        rng = np.random.default_rng(number)
        mask = np.zeros((side, side), bool)
        for _ in range(4 if number % 3 == 0 else 0):
            radius = side * rng.uniform(0.01, 0.08)
            mask |= np.hypot(y - rng.uniform(0, side), x - rng.uniform(0, side)) < radius
        score_map = rng.standard_normal((side, side), np.float32)
        score_map[mask] += np.float32(rng.uniform(0.5, 4))
        yield score_map, mask


def blemish(maps: Maps, clock: Clock) -> Figures:
    """All pixel figures, also of each kind of defect, from maps that come one by one."""
    with collect(maps, clock) as pixels, clock.running():
        return count(pixels)[1]


def bootstrap(maps: Maps, clock: Clock) -> Figures:
    """2000 draws of all figures of images and of pixels, once these are there."""
    from blemish.metrics.bootstrap import image_draws, pixel_draws, resample
    from blemish.metrics.tables import tabulate

    with collect(maps, Clock()) as pixels:
        counts, figures = count(pixels)
        with clock.running():
            tables = tabulate(pixels, counts)
            times = resample(tables.defective)
            pixel_draws(tables, times, figures)
            highest = [max(p.highest, *p.scores[-1:].tolist(), -np.inf) for p in pixels.images]
            image_draws(highest, tables.defective, THRESHOLD, times)
        return figures


def collect(maps: Maps, clock: Clock) -> Any:
    """The pixels of all maps; making these is not counted."""
    from blemish.metrics.pixels import PixelScores

    pixels = PixelScores(THRESHOLD)
    for number, (score_map, mask) in enumerate(maps):
        kind = f"kind {number % 5}" if mask.any() else "good"
        with clock.running():
            pixels.add(score_map, mask, name=str(number), kind=kind)
    return pixels


def count(pixels: Any) -> tuple[Any, dict[str, float]]:
    """Counts, and the figures of all images; those of each kind are made, too."""
    from blemish.evaluation.figures import figures_per_type, pixel_figures
    from blemish.records.findings import ImageRow

    counts = pixels.count(pimo_range=PIMO_RANGE)
    kinds = {image.kind for image in pixels.images}
    rows = [
        ImageRow(path=str(number), label=kind, defect_type=kind, score=float(kind != "good"))
        for number, kind in enumerate(kinds)
    ]
    figures_per_type(rows, 0.5, pixels, counts)
    return counts, pixel_figures(pixels, counts)


def plain(maps: Maps, clock: Clock) -> Figures:
    """The same figures of all images from their definitions: all pixels sorted together."""
    everything = list(maps)
    with clock.running():
        return plain_figures(everything)


def plain_figures(everything: list[tuple[np.ndarray, np.ndarray]]) -> Figures:
    """Figures of all images from one sort and sums; arrays go as soon as they are done with."""
    scores = np.concatenate([score_map.ravel() for score_map, _ in everything])
    shares = np.concatenate([region_shares(mask).ravel() for _, mask in everything])
    order = np.argsort(scores)[::-1]
    scores, shares = scores[order], shares[order]
    del order
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # equal scores are one
    del scores
    found = np.cumsum(shares > 0)[last]
    flagged = last + 1 - found
    precision = found / (last + 1)
    figures = {
        "ap": float(np.sum(np.diff(found, prepend=0) * precision) / found[-1]),
        "f1_max": float(np.max(2 * found / (last + 1 + found[-1]))),
    }
    del precision
    rates = flagged / flagged[-1]
    del flagged
    figures["auroc"] = area(rates, found, 1.0) / float(found[-1])
    del found
    overlap = np.cumsum(shares)[last]
    del shares, last
    for name, limit in LIMITS.items():
        figures[name] = area(rates, overlap, limit) / float(overlap[-1])
    return figures | {"aupimo": plain_aupimo(everything)}


def region_shares(mask: np.ndarray) -> np.ndarray:
    """For each pixel, what share it is of its region; 0 outside of all."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel()).astype(float)
    sizes[0] = np.inf
    return 1 / sizes[labels]


def area(rates: np.ndarray, heights: np.ndarray, limit: float) -> float:
    """Area under a curve from (0, 0) up to a limit, divided by it."""
    within = int(np.searchsorted(rates, limit))  # points before the limit
    ends = slice(within - 1, within + 1)
    at_limit = float(np.interp(limit, rates[ends], heights[ends]))
    rates, heights = rates[:within], heights[:within]
    first = rates[0] * heights[0] / 2
    last = (limit - rates[-1]) * (at_limit + heights[-1]) / 2
    return float(first + np.trapezoid(heights, rates) + last) / limit


def plain_aupimo(everything: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The mean AUPIMO of maps of one size, from all scores of good images."""
    good = np.concatenate([score_map.ravel() for score_map, mask in everything if not mask.any()])
    good = np.sort(good)[::-1]
    last = np.flatnonzero(np.append(good[1:] != good[:-1], True))
    rates = (last + 1) / good.size
    near = slice(0, int(np.searchsorted(rates, PIMO_RANGE[1])) + 1)
    thresholds, logs = good[last][near], np.log(rates[near])
    low, high = np.log(PIMO_RANGE)
    inside = (low < logs) & (logs < high)
    values = []
    for score_map, mask in everything:
        if mask.any():
            scores = np.sort(score_map[mask])
            recall = 1 - np.searchsorted(scores, thresholds) / scores.size
            first, last_height = np.interp([low, high], logs, recall)
            heights = np.concatenate([[first], recall[inside], [last_height]])
            points = np.concatenate([[low], logs[inside], [high]])
            values.append(np.trapezoid(heights, points) / (high - low))
    return float(np.mean(values))


def scikit_learn(maps: Maps, clock: Clock) -> Figures:
    """`roc_auc_score` and `average_precision_score` of all pixels."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores, masks = zip(*maps, strict=True)
    with clock.running():
        pixels = np.concatenate([score_map.ravel() for score_map in scores])
        labels = np.concatenate([mask.ravel() for mask in masks])
        return {
            "auroc": float(roc_auc_score(labels, pixels)),
            "ap": float(average_precision_score(labels, pixels)),
        }


WAYS: dict[str, Callable[[Maps, Clock], Figures]] = {
    "blemish": blemish,
    "bootstrap": bootstrap,
    "plain": plain,
    "scikit-learn": scikit_learn,
}

if __name__ == "__main__":
    main()
