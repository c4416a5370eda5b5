"""How near the machine's limits the search and the coreset come, and how a fit grows.

Peaks are measured in the same run: float32 and byte products by NumPy and ONNX Runtime, memory by
copying. Everything that has a peak memory runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from run import EMBEDDED, named
from timing import last_line, process, rounds, spread, warm

RECORDS = Path(__file__).parent / "records"
QUERIES = 1024
RANDOM = (16000, 1024)  # vectors and dimensions that no bank has: all directions alike
BANKS: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("resnet50v2, pooled", {"embedding": "pooled"}, 16_000),
    ("resnet50v2", {}, 20_480),
    (EMBEDDED, {}, 20_480),
    (EMBEDDED, {}, 200_000),
)
CORESETS = ((205_000, 2050), (205_000, 20_500), (1_000_000, 10_000))
GROWTH = (50, 200, 800, 3200)
GROWN_BANK, GROWN_MEGABYTES = 2048, 400
REPEATS = 3  # in each round

CORESET = """
import json, sys, time
import numpy as np
from blemish.records.machine import peak_memory_bytes
from blemish.search.coreset import greedy_k_centre
rows, picks = map(int, sys.argv[1:])
points = np.random.default_rng(0).standard_normal((rows, 128), dtype=np.float32)
start = time.perf_counter()
greedy_k_centre(points, picks)
print(json.dumps([time.perf_counter() - start, peak_memory_bytes()]))
"""


def main() -> None:
    """Measure the parts asked for; what was measured on this day is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, help="folder with data/mvtec/bottle, backbones")
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    arguments = parser.parse_args()
    if {"search", "growth"} & set(arguments.only) and arguments.shared is None:
        parser.error("search and growth take real images: give --shared, or leave them out")
    from blemish.records.machine import machine, versions

    path = RECORDS / f"limits-{datetime.now(UTC).date().isoformat()}.json"
    record = json.loads(path.read_text()) if path.exists() else {"parts": {}}
    record |= {"machine": machine(), "versions": versions()}
    for part in arguments.only:
        print(f"{part} ...", flush=True)
        record["parts"][part] = PARTS[part](arguments)
        print(json.dumps(record["parts"][part], indent=2), flush=True)
        path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")


def peaks(_arguments: argparse.Namespace) -> dict[str, Any]:
    """What the machine can do: products (by the faster of two libraries) and bytes a second."""
    from blemish.graph.builder import FLOAT, INT32, UINT8, GraphBuilder, tensor
    from blemish.graph.session import Session

    rows, width = RANDOM
    operations = 2 * QUERIES * rows * width
    x, bank = random(QUERIES, width), random(rows, width)
    g = GraphBuilder()
    columns = g.constant((bank.T * 10).astype(np.int8), np.int8)
    g.op("MatMulInteger", "x", columns, g.constant(128, np.uint8), name="y")
    graph = g.build([tensor("x", UINT8, "q", width)], [tensor("y", INT32, "q", rows)])
    session = Session(graph.SerializeToString())
    levels = (x * 10 + 128).astype(np.uint8)
    g = GraphBuilder()
    g.op("MatMul", "x", g.constant(bank.T), name="y")
    graph = g.build([tensor("x", FLOAT, "q", width)], [tensor("y", FLOAT, "q", rows)])
    floats = Session(graph.SerializeToString())
    by_libraries: list[Callable[[], Any]] = [lambda: x @ bank.T, lambda: floats.run(None, x=x)]
    large = np.ones(2**27, np.float32)  # zeros would all be one page of memory
    other = np.empty_like(large)
    return {
        "float32_gflops": max(rate(operations, product) for product in by_libraries),
        "int8_gops": rate(operations, lambda: session.run(None, x=levels)),
        "copy_gigabytes_a_second": rate(2 * large.nbytes, lambda: np.copyto(other, large)),
    }


def search(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Exact searches, in floats and in two stages, beside the product of floats alone.

    Queries are the patches of an image, banks those of others, drawn at random; and there is a
    bank of random numbers.
    """
    results = [searched("random numbers", random(QUERIES, RANDOM[1]), random(*RANDOM))]
    for name, settings, rows in BANKS:
        vectors = patches(arguments.shared, name.split(",")[0], settings)
        chosen = np.random.default_rng(0).permutation(len(vectors) - QUERIES)[:rows]
        results.append(searched(name, vectors[:QUERIES], vectors[QUERIES:][chosen]))
    return results


def searched(name: str, x: np.ndarray, bank: np.ndarray) -> dict[str, Any]:
    """One bank, searched in both ways."""
    from blemish.graph.engine import ONE_CORE
    from blemish.graph.session import Session
    from blemish.parallel import available_cores, one_core_each
    from blemish.search.graph import search_alone

    parts = [part[None, None] for part in np.array_split(x, available_cores())]
    ways = {
        way: Session(search_alone(bank, sketched=way == "two_stages").SerializeToString(), ONE_CORE)
        for way in ("floats", "two_stages")
    }
    products: list[float] = []
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    found = {}
    for _ in rounds():
        products += warm(lambda: x @ bank.T, REPEATS)
        for way, session in ways.items():

            def of_a_part(part: np.ndarray, session: Session = session) -> np.ndarray:
                return session.run(["distances"], patches=part)[0].ravel()

            with one_core_each() as pool:
                seconds[way] += warm(lambda f=of_a_part: list(pool.map(f, parts)), REPEATS)
                found[way] = np.concatenate(list(pool.map(of_a_part, parts)))
    nearer = found["two_stages"] <= found["floats"] * (1 + 1e-6)
    return {
        "of": name,
        "queries": len(x),
        "rows": len(bank),
        "width": bank.shape[1],
        "product_seconds": spread(products),
        **{
            way: {
                "seconds": spread(taken),
                "times_the_product": round(
                    statistics.median(products) / statistics.median(taken), 2
                ),
            }
            for way, taken in seconds.items()
        },
        "nearest_found": float(nearer.mean()),
    }


def patches(shared: Path, backbone: str, settings: dict[str, Any]) -> np.ndarray:
    """The patches of bottle's good images, as a fit sees them."""
    import blemish
    from blemish.data.loading import GoodImages
    from blemish.detectors.patchcore.graph import PatchCoreGraph
    from blemish.graph.session import Session

    detector = blemish.PatchCore(backbone=named(backbone, shared), **settings)
    images = GoodImages(blemish.open_dataset(shared / "data/mvtec/bottle").train)
    graph = PatchCoreGraph(detector.settings, detector.backbone, images.image_format)
    session = Session(graph.features().SerializeToString())
    found = (session.run(["patches"], image=image[None])[0] for _, image in images)
    return np.concatenate([grid.reshape(-1, grid.shape[-1]) for grid in found])


def coreset(_arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Exact greedy picks of random points of 128 dimensions, which give it the least to prune."""
    results = []
    for rows, picks in CORESETS:
        seconds, peak = last_line(CORESET, str(rows), str(picks))
        results.append(
            {
                "points": rows,
                "picks": picks,
                "seconds": round(seconds, 2),
                "peak_megabytes": round(peak / 1e6),
                "points_megabytes": round(rows * 128 * 4 / 1e6),
            }
        )
    return results


def growth(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """`blemish fit` on more and more images, the bank and the memory allowed staying the same."""
    from PIL import Image

    source = sorted((arguments.shared / "data/mvtec/bottle/train/good").glob("*.png"))
    images = [np.asarray(Image.open(path).convert("RGB")) for path in source]
    rng, results = np.random.default_rng(0), []
    with tempfile.TemporaryDirectory() as folder:
        good = Path(folder) / "surface" / "good"
        good.mkdir(parents=True)
        for count in GROWTH:
            for i in range(len(list(good.iterdir())), count):
                image = images[i % len(images)].astype(np.int16)
                noisy = (image + rng.integers(-3, 4, image.shape)).clip(0, 255)
                Image.fromarray(noisy.astype(np.uint8)).save(good / f"{i:05}.png", compress_level=1)
            seconds, peak = process(
                sys.executable, "-c", "from blemish.cli.main import run; run()",
                "fit", str(good.parent), "-o", f"{folder}/model.onnx", "--force",
                "--set", f"coreset_count={GROWN_BANK}",
                "--set", f"memory_megabytes={GROWN_MEGABYTES}",
            )  # fmt: skip
            results.append(
                {
                    "images": count,
                    "seconds": round(seconds, 1),
                    "milliseconds_an_image": round(1000 * seconds / count, 1),
                    "peak_megabytes": round(peak / 1e6),
                }
            )
            print(json.dumps(results[-1]), flush=True)
    return results


def rate(amount: float, work: Callable[[], Any]) -> float:
    """Billions a second, by the median."""
    seconds = [second for _ in rounds() for second in warm(work, REPEATS)]
    return round(amount / statistics.median(seconds) / 1e9, 1)


def random(rows: int, width: int) -> np.ndarray:
    """Vectors that no order or low dimension helps with."""
    return np.random.default_rng(rows).standard_normal((rows, width), dtype=np.float32)


PARTS: dict[str, Callable[[argparse.Namespace], Any]] = {
    "peaks": peaks,
    "search": search,
    "coreset": coreset,
    "growth": growth,
}

if __name__ == "__main__":
    main()
