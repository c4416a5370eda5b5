"""Scores by their place beside distances as they are: figures, with few images, and what it costs.

    python benchmarks/position.py --shared ../shared

One fit gives both: the images that it left out say what is usual, and the end of the graph is run
on the patch scores of each test image, as they are and told by their place. Goes on where it was
interrupted on the same day; a quarter of an hour on two quiet cores.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from day_record import DayRecord
from timing import rounds, spread, warm

DATA = ("mvtec/bottle", "lgp", "surfaces/tile", "surfaces/leather", "surfaces/grid", "mtd")
SEEDS = (0, 1, 2)
FEW = (3, 5, 10, 20, 50)  # images left out that what is usual is learned from
DRAWS = 5  # of so few images
TIMED = ("mvtec/bottle", 0)
REPEATS = 20
BORDER_CELLS = 2

Grid = NDArray[np.float32]
Told = Callable[[Grid], Grid]


@dataclass
class Image:
    """A test image: patch scores, size, mask and whether it is defective."""

    grid: Grid
    size_hw: tuple[int, int]
    mask: NDArray[np.bool_]
    defective: bool


def main() -> None:
    """Measure all that has not been measured on this day."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/")
    parser.add_argument("--data", nargs="*", default=DATA)
    parser.add_argument("--seeds", nargs="*", type=int, default=SEEDS)
    parser.add_argument("--set", dest="settings", nargs="*", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    from blemish.settings import parse_assignments

    settings = parse_assignments(arguments.settings)
    record = DayRecord("position")
    for seed in arguments.seeds:
        for data in arguments.data:
            case = {"data": Path(data).name, "seed": seed, "settings": settings}
            if record.holds(case):
                continue
            record.add(case | measure(arguments.shared, data, seed, settings))


def measure(shared: Path, data: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Fit once, and compare."""
    import blemish
    from blemish.data.loading import GoodImages
    from blemish.detectors.position import LeftOut
    from blemish.progress import LoggedProgress

    start = time.perf_counter()
    path = data if data.startswith("surfaces/") else shared / "data" / data
    dataset = blemish.open_dataset(path, seed=seed)
    detector = blemish.PatchCore(seed=seed, normalisation="position", image_score="map", **settings)
    quiet = LoggedProgress()
    with closing(detector.fit(GoodImages(dataset.train), progress=quiet)) as fitted:
        held_out = [result.score for result in fitted.held_out_scores(progress=quiet)]
        left_out, usual = fitted.left_out, fitted.usual
        plain, placed = (fitted.writer.detector(fitted.bank, by) for by in (None, usual))
        summary = partial(summarised, _session(fitted.writer.summary()))
        images = list(judged(_session(plain, "patch_scores"), dataset.test))
        row: dict[str, Any] = {
            "images": len(left_out.grids),
            "peaks_at_border": at_border(left_out.grids),
            "none": figures(summary, images, lambda grid: grid),
            "position": figures(summary, images, usual.told),
            "false_alarms": alarms(summary, images, usual.told, held_out),
        }
        rng = np.random.default_rng(seed)
        for count in FEW:
            found = []
            for _ in range(DRAWS):
                drawn = rng.choice(len(left_out.grids), count, replace=False)
                some = [left_out.grids[image] for image in drawn]
                told = LeftOut(some, [f"{image}" for image in drawn]).usual.told
                found.append(auroc(scores(summary, images, told), images))
            few = {"mean": round(float(np.mean(found)), 5), "lowest": round(min(found), 5)}
            row.setdefault("few", {})[f"{count}"] = few
        if data == TIMED[0] and seed == TIMED[1]:
            row["cost"] = cost({"none": plain, "position": placed}, dataset.test[0].read())
    return row | {"seconds": round(time.perf_counter() - start, 1)}


def judged(session: Any, samples: Sequence[Any]) -> Iterator[Image]:
    """The patch scores of all test images."""

    def judge(sample: Any) -> Image:
        pixels = sample.read()
        (grid,) = session.run(["patch_scores"], image=pixels[None])
        size_hw = pixels.shape[:2]
        mask = sample.read_mask(size_hw) if sample.label != "good" else None
        mask = np.zeros(size_hw, bool) if mask is None else mask
        return Image(grid[0], size_hw, mask, sample.label != "good")

    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(judge, samples)


def summarised(session: Any, told: Told, image: Image) -> NDArray[np.float32]:
    """The score map of an image, by the end of the detector's graph."""
    size_hw = np.array(image.size_hw, np.int64)
    given = {"patch_scores": told(image.grid)[None], "weight": np.ones(1, np.float32)}
    score_map: NDArray[np.float32] = session.run(["score_map"], **given, image_hw=size_hw)[0][0]
    return score_map


def scores(summary: Any, images: Sequence[Image], told: Told) -> list[float]:
    """The highest value of each map."""
    return [float(summary(told, image).max()) for image in images]


def figures(summary: Any, images: Sequence[Image], told: Told) -> dict[str, Any]:
    """Image AUROC by several scores, and figures of pixels."""
    from blemish.evaluation.figures import pixel_figures
    from blemish.metrics.pixels import PixelScores

    found: dict[str, list[float]] = {}
    with PixelScores(None) as pixels:
        for number, image in enumerate(images):
            score_map, grid = summary(told, image), told(image.grid)
            for name, score in image_scores(grid, score_map).items():
                found.setdefault(name, []).append(score)
            if image.mask.any() or not image.defective:
                kind = "defect" if image.defective else "good"
                pixels.add(score_map, image.mask, name=f"{number}", kind=kind)
        of_pixels = pixel_figures(pixels, pixels.count())
    kept = ("auroc", "ap", "f1_max", "au_pro_30")
    return {
        "image_auroc": {name: round(auroc(values, images), 5) for name, values in found.items()},
        "pixel": {name: round(of_pixels[name], 5) for name in kept},
    }


def image_scores(grid: Grid, score_map: NDArray[np.float32]) -> dict[str, float]:
    """What an image's score could be."""
    cells, pixels = np.sort(grid, axis=None)[::-1], score_map.ravel()
    one_percent = max(1, pixels.size // 100)
    return {
        "patches": float(cells[0]),
        "mean of 3 patches": float(cells[:3].mean()),
        "mean of 1 % of patches": float(cells[: max(1, cells.size // 100)].mean()),
        "map": float(pixels.max()),
        "mean of 1 % of map": float(np.partition(pixels, -one_percent)[-one_percent:].mean()),
    }


def auroc(values: Sequence[float], images: Sequence[Image]) -> float:
    """Of images."""
    from blemish.metrics import formulas
    from blemish.metrics.ranking import rank

    return float(formulas.auroc(rank(values, [image.defective for image in images])))


def alarms(
    summary: Any, images: Sequence[Image], told: Told, held_out: Sequence[float]
) -> dict[str, float]:
    """Share of good test images above thresholds that promise 5 and 10 %."""
    good = [image for image in images if not image.defective]
    found, ordered = np.array(scores(summary, good, told)), np.sort(held_out)
    shares = {}
    for promised in (0.05, 0.1):
        threshold = ordered[int(np.ceil((1 - promised) * (len(ordered) + 1))) - 1]
        shares[f"{promised}"] = round(float(np.mean(found > threshold)), 4)
    return shares


def at_border(grids: Sequence[Grid]) -> float:
    """Share of images whose highest patch lies in the outer two cells."""
    from blemish.detectors.position import rings_of

    hits = [rings_of(grid.shape).ravel()[grid.argmax()] < BORDER_CELLS for grid in grids]
    return round(float(np.mean(hits)), 4)


def cost(graphs: dict[str, Any], image: NDArray[Any]) -> dict[str, Any]:
    """Milliseconds of one warm image, in turns, and bytes of both graphs."""
    sessions = {name: _session(graph) for name, graph in graphs.items()}
    times: dict[str, list[float]] = {name: [] for name in graphs}
    for _ in rounds():
        for name, session in sessions.items():
            run = partial(session.run, ["score", "score_map"], image=image[None])
            times[name] += [1000 * second for second in warm(run, REPEATS)]
    return {
        name: {"milliseconds": spread(times[name], 2), "bytes": graph.ByteSize()}
        for name, graph in graphs.items()
    }


def _session(graph: Any, *outputs: str) -> Any:
    from blemish.graph.engine import Engine
    from blemish.graph.session import Session
    from blemish.graph.trace import with_outputs

    data = graph.SerializeToString()
    return Session(with_outputs(data, outputs) if outputs else data, Engine(threads=1))


if __name__ == "__main__":
    main()
