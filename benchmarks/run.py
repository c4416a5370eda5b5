"""What a user's commands take on this machine: fit, predict, start, install.

Each figure is the median of repeats, with the spread; peak memory is that of a process of its own;
baselines run in the same run. Needs the real images and backbones (see `--shared`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from timing import process, rounds, spread, timed, warm

EMBEDDED = "embedded"
RECORDS = Path(__file__).parent / "records"


def main() -> None:
    """Run all measurements, or those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/, backbones/")
    parser.add_argument("--only", nargs="*", choices=list(MEASUREMENTS), default=[])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if not (arguments.shared / "data").is_dir():
        parser.error(f"{arguments.shared} has no data/: the benchmark needs real images")
    from blemish.records.machine import machine, versions

    results = {}
    for name in arguments.only or MEASUREMENTS:
        print(f"{name} ...", flush=True)
        results[name] = MEASUREMENTS[name](arguments.shared.resolve(), arguments.repeats)
        print(json.dumps(results[name], indent=2), flush=True)
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "results": results,
    }
    path = RECORDS / f"{record['date'][:10]}.json"
    if path.exists():
        record["results"] = json.loads(path.read_text())["results"] | results
    path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    print(f"written: {path}")


def named(backbone: str, shared: Path) -> str:
    """A backbone as a user types it."""
    return backbone if backbone == EMBEDDED else str(shared / "backbones" / f"{backbone}.onnx")


def fit(shared: Path, repeats: int) -> dict[str, Any]:
    """`blemish fit` from the shell to the model file: start-up, features, coreset, calibration."""
    cases = {
        "bottle, embedded": ("mvtec/bottle", EMBEDDED),
        "bottle, mobilenetv2": ("mvtec/bottle", "mobilenetv2"),
        "bottle, resnet50v2": ("mvtec/bottle", "resnet50v2"),
        "mtd, embedded": ("mtd", EMBEDDED),
        "mtd, mobilenetv2": ("mtd", "mobilenetv2"),
    }
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (data, backbone) in cases.items():
            runs = [
                process(
                    sys.executable, "-c", "from blemish.cli.main import run; run()",
                    "fit", str(shared / "data" / data), "-o", f"{folder}/model.onnx", "--force",
                    "--backbone", named(backbone, shared),
                )
                for _ in range(repeats)
            ]  # fmt: skip
            results[name] = {
                "seconds": spread([seconds for seconds, _ in runs], 2),
                "peak_megabytes": round(max(peak for _, peak in runs) / 1e6),
            }
    return results


def predict(shared: Path, repeats: int) -> dict[str, Any]:
    """A loaded model over the test images of bottle, files decoded, and one warm image."""
    import blemish

    dataset = blemish.open_dataset(shared / "data" / "mvtec" / "bottle")
    paths: Any = [sample.path for sample in dataset.test]
    results = {}
    for backbone in (EMBEDDED, "mobilenetv2", "resnet50v2"):
        detector = blemish.PatchCore(backbone=named(backbone, shared), calibration_folds=0)
        model = blemish.fit(dataset, detector)
        image = model.read(paths[0])
        model.warm_up((image.shape[0], image.shape[1]))

        def folder(model: Any = model) -> None:
            list(model.predict_each(paths, batch=8))

        def single(model: Any = model, image: Any = image) -> None:
            model.raw(image[None])

        rates: list[float] = []
        milliseconds: list[float] = []
        for _ in rounds():
            rates += [len(paths) / seconds for seconds in timed(folder, repeats)]
            milliseconds += [1000 * seconds for seconds in warm(single, 5 * repeats)]
        results[backbone] = {
            "images_per_second_batch_8": spread(rates, 1),
            "milliseconds_one_warm_image": spread(milliseconds, 2),
        }
    return results


def coreset(shared: Path, repeats: int) -> dict[str, Any]:
    """1 % of the patches of bottle with resnet50v2 (1536 dimensions), projected to 128.

    The baseline is the plain loop in float32 NumPy: a matrix-vector product, a minimum and a search
    for the largest, pick by pick; some picks are timed and scaled up.
    """
    import blemish
    from blemish.data.loading import GoodImages
    from blemish.detectors.patchcore.graph import PatchCoreGraph
    from blemish.detectors.patchcore.patches import extract
    from blemish.progress import LoggedProgress
    from blemish.search.coreset import greedy_k_centre

    backbone = str(shared / "backbones" / "resnet50v2.onnx")
    detector = blemish.PatchCore(backbone=backbone)
    images = GoodImages(blemish.open_dataset(shared / "data" / "mvtec" / "bottle").train)
    plan = detector.plan(images)
    graph = PatchCoreGraph(detector.settings, detector.backbone, images.image_format)
    patches = extract(graph, images, plan, LoggedProgress())
    points, results = patches.points.points, {}
    for name, count in (("1 %", len(points) // 100), ("10 %", len(points) // 10)):
        seconds = spread(timed(lambda n=count: greedy_k_centre(points, n), repeats))
        loop = plain_loop_seconds(points, 40) * count
        results[name] = {
            "points": len(points), "dimensions": points.shape[1], "picks": count,
            "seconds": seconds, "plain_loop_seconds": round(loop, 1),
            "ratio": round(loop / seconds["median"], 1),
        }  # fmt: skip
    return results


def plain_loop_seconds(points: np.ndarray, picks: int) -> float:
    """Seconds a pick of the plain loop."""
    norms = np.einsum("nd,nd->n", points, points)
    nearest, best = np.full(len(points), np.inf, np.float32), 0
    start = time.perf_counter()
    for _ in range(picks):
        to_best = norms + norms[best] - 2 * (points @ points[best])
        np.minimum(nearest, to_best, out=nearest)
        best = int(nearest.argmax())
    return (time.perf_counter() - start) / picks


def startup(shared: Path, repeats: int) -> dict[str, Any]:  # noqa: ARG001
    """`import blemish` and `blemish --help`, beside an empty Python."""
    commands = {
        "python": "pass",
        "import blemish": "import blemish",
        "blemish --help": (
            "import sys; sys.argv = ['blemish', '--help']; from blemish.cli.main import run; run()"
        ),
    }
    return {
        name: {
            "seconds": spread(
                [process(sys.executable, "-c", code)[0] for _ in range(3 * repeats)], 3
            )
        }
        for name, code in commands.items()
    }


def size(shared: Path, repeats: int) -> dict[str, Any]:  # noqa: ARG001
    """What `pip install .` adds to an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "venv"
        process(sys.executable, "-m", "venv", str(environment))
        empty = disk_bytes(environment)
        root = Path(__file__).parents[1]
        process(str(environment / "bin" / "python"), "-m", "pip", "install", "-q", str(root))
        whole = disk_bytes(environment)
        packages = sorted(p.name for p in environment.glob("lib/python*/site-packages/*.dist-info"))
    return {
        "megabytes_added": round((whole - empty) / 1e6),
        "megabytes_with_pip": round(whole / 1e6),
        "distributions": len(packages),
        "torch": any(name.startswith("torch-") for name in packages),
    }


def disk_bytes(folder: Path) -> int:
    """Bytes of all files, as blocks on disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if not path.is_dir())


MEASUREMENTS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "fit": fit,
    "predict": predict,
    "coreset": coreset,
    "startup": startup,
    "size": size,
}

if __name__ == "__main__":
    main()
