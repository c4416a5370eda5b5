"""Pixel figures of many large maps: time and memory against sorting everything, as a record.

    python benchmarks/metrics.py

200 maps of 1024 x 1024, a third with defects. blemish makes all pixel figures from maps that come
one by one; the plain definition sorts all pixels together, scikit-learn gives two of the figures.
Each runs in a process of its own, on the same maps; making the maps is not timed, but is in the
memory. All figures must agree. Needs the extra `dev` and about 16 GB; fewer or smaller maps
(`--pictures`, `--side`) are a trial, which leaves no record.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

RECORDS = Path(__file__).parent / "records"
PICTURES, SIDE_PX = 200, 1024
LIMITS = {"au_pro_30": 0.3, "au_pro_5": 0.05}
PIMO_RANGE = (1e-5, 1e-4)
THRESHOLD = 3.5
AGREE = 1e-9


def main() -> None:
    """Run all in turn, or one of them where a process was started for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--side", type=int, default=SIDE_PX)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=list(WAYS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(run(arguments.only, arguments.pictures, arguments.side)))
        return
    results = {
        way: measure(way, arguments.pictures, arguments.side, arguments.repeats) for way in WAYS
    }
    apart = furthest_apart([result.pop("figures") for result in results.values()])
    print(f"figures differ by {apart:.1e} at most")
    if apart > AGREE:
        sys.exit("The figures do not agree.")
    if (arguments.pictures, arguments.side) == (PICTURES, SIDE_PX):
        write_record(results, apart)


def write_record(results: dict[str, Any], apart: float) -> None:
    """Write the record of this day."""
    import sklearn

    from blemish.benchmark.machine import machine
    from blemish.fitting import versions

    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions() | {"scikit-learn": sklearn.__version__},
        "pictures": PICTURES,
        "side_px": SIDE_PX,
        "figures_differ_by_at_most": apart,
        "results": results,
    }
    path = RECORDS / f"metrics-{record['date'][:10]}.json"
    path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    print(f"written: {path}")


def measure(way: str, pictures: int, side: int, repeats: int) -> dict[str, Any]:
    """Seconds, with their spread, and peak memory of processes of its own."""
    command = [sys.executable, __file__, "--only", way]
    command += ["--pictures", str(pictures), "--side", str(side)]
    runs = []
    for _ in range(repeats):
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            sys.exit(ended.stderr)
        runs.append(json.loads(ended.stdout))
    seconds = spread([run["seconds"] for run in runs])
    peak = round(max(run["peak_bytes"] for run in runs) / 1e6)
    print(f"{way}: {json.dumps(seconds)}, {peak} MB", flush=True)
    return {"seconds": seconds, "peak_megabytes": peak, "figures": runs[0]["figures"]}


def spread(seconds: list[float]) -> dict[str, float]:
    """Median, lowest and highest of repeats."""
    return {
        "median": round(statistics.median(seconds), 3),
        "lowest": round(min(seconds), 3),
        "highest": round(max(seconds), 3),
    }


def furthest_apart(figures: list[dict[str, float | None]]) -> float:
    """The largest difference between two ways in a figure that both give."""
    return max(
        abs(one[name] - other[name]) for one in figures for other in figures for name in one
        if None not in (one[name], other.get(name))
    )  # fmt: skip


def run(way: str, pictures: int, side: int) -> dict[str, Any]:
    """What one way takes and gives, in this process."""
    from blemish.benchmark.machine import peak_memory_bytes

    seconds, figures = WAYS[way](draw_maps(pictures, side))
    return {"seconds": seconds, "figures": figures, "peak_bytes": peak_memory_bytes()}


Maps = Iterator[tuple[np.ndarray, np.ndarray]]
Timed = tuple[float, dict[str, float]]


def draw_maps(pictures: int, side: int) -> Maps:
    """Noise, higher in the defects: some discs in each third picture, 3 % of its pixels."""
    y, x = np.ogrid[:side, :side]
    for number in range(pictures):
        rng = np.random.default_rng(number)
        mask = np.zeros((side, side), bool)
        for _ in range(4 if number % 3 == 0 else 0):
            radius = side * rng.uniform(0.01, 0.08)
            mask |= np.hypot(y - rng.uniform(0, side), x - rng.uniform(0, side)) < radius
        score_map = rng.standard_normal((side, side), np.float32)
        score_map[mask] += np.float32(rng.uniform(0.5, 4))
        yield score_map, mask


def blemish(maps: Maps) -> Timed:
    """All pixel figures, also of each kind of defect, from maps that come one by one."""
    seconds, pixels = collect(maps)
    with pixels:
        start = time.perf_counter()
        _, figures = count(pixels)
        return seconds + time.perf_counter() - start, figures


def bootstrap(maps: Maps) -> Timed:
    """2000 draws of all pixel figures, once these are there."""
    from blemish.metrics.bootstrap import pixel_draws, resample
    from blemish.metrics.tables import tabulate

    _, pixels = collect(maps)
    with pixels:
        counts, figures = count(pixels)
        start = time.perf_counter()
        tables = tabulate(pixels, counts)
        pixel_draws(tables, resample(tables.defective), figures)
        return time.perf_counter() - start, figures


def collect(maps: Maps) -> tuple[float, Any]:
    """Seconds without those of making the maps, and the pixels."""
    from blemish.metrics.pixels import PixelScores

    seconds, pixels = 0.0, PixelScores(THRESHOLD)
    for number, (score_map, mask) in enumerate(maps):
        start = time.perf_counter()
        kind = f"kind {number % 5}" if mask.any() else "good"
        pixels.add(score_map, mask, name=str(number), kind=kind)
        seconds += time.perf_counter() - start
    return seconds, pixels


def count(pixels: Any) -> tuple[Any, dict[str, float]]:
    """Counts, and the figures of all pictures; those of each kind are made, too."""
    from blemish.evaluation.figures import figures_per_type, pixel_figures

    counts = pixels.count(pimo_range=PIMO_RANGE)
    kinds = {picture.kind for picture in pixels.pictures}
    rows = [{"score": float(kind != "good"), "label": kind, "defect_type": kind} for kind in kinds]
    figures_per_type(rows, 0.5, pixels, counts)
    return counts, pixel_figures(pixels, counts)


def plain(maps: Maps) -> Timed:
    """The same figures of all pictures from their definitions: all pixels sorted together."""
    everything = list(maps)
    start = time.perf_counter()
    scores = np.concatenate([score_map.ravel() for score_map, _ in everything])
    shares = np.concatenate([region_shares(mask).ravel() for _, mask in everything])
    order = np.argsort(scores)[::-1]
    scores, shares = scores[order], shares[order]
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # equal scores are one
    defective = shares > 0
    found, flagged = np.cumsum(defective)[last], np.cumsum(~defective)[last]
    rates, recall = flagged / flagged[-1], found / found[-1]
    overlap = np.cumsum(shares)[last]
    overlap /= overlap[-1]
    figures = {
        "auroc": area(rates, recall, 1.0),
        "ap": float(np.sum(np.diff(recall, prepend=0) * found / (found + flagged))),
        "f1_max": float(np.max(2 * found / (found + flagged + found[-1]))),
        **{name: area(rates, overlap, limit) for name, limit in LIMITS.items()},
        "aupimo": plain_aupimo(everything),
    }
    return time.perf_counter() - start, figures


def region_shares(mask: np.ndarray) -> np.ndarray:
    """For each pixel, what share it is of its region; 0 outside of all."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel()).astype(float)
    sizes[0] = np.inf
    return 1 / sizes[labels]


def area(rates: np.ndarray, heights: np.ndarray, limit: float) -> float:
    """Area under a curve from (0, 0) up to a limit, divided by it."""
    rates, heights = np.append(0, rates), np.append(0, heights)
    beyond = int(np.searchsorted(rates, limit))
    ends = slice(beyond - 1, beyond + 1)
    rates, heights, last = rates[:beyond], heights[:beyond], (rates[ends], heights[ends])
    heights = np.append(heights, np.interp(limit, *last))
    return float(np.trapezoid(heights, np.append(rates, limit))) / limit


def plain_aupimo(everything: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The mean AUPIMO of maps of one size, from all scores of good pictures."""
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


def scikit_learn(maps: Maps) -> Timed:
    """`roc_auc_score` and `average_precision_score` of all pixels."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores, masks = zip(*maps, strict=True)
    start = time.perf_counter()
    pixels = np.concatenate([score_map.ravel() for score_map in scores])
    labels = np.concatenate([mask.ravel() for mask in masks])
    figures = {
        "auroc": float(roc_auc_score(labels, pixels)),
        "ap": float(average_precision_score(labels, pixels)),
    }
    return time.perf_counter() - start, figures


WAYS: dict[str, Callable[[Maps], Timed]] = {
    "blemish": blemish,
    "bootstrap": bootstrap,
    "plain": plain,
    "scikit-learn": scikit_learn,
}

if __name__ == "__main__":
    main()
