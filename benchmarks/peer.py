"""blemish against anomalib 2.7.0: the same images, backbone architecture and bank size, in turns.

The peer gets an environment of its own (6.5 GB), made where it is not there. Its coreset of 10 %
takes an hour, so picks are timed and scaled up; all else is run in full. Weights are random, which
leaves the search of blemish more to measure and changes no other time; both sides take 200 images
of 320 x 320 and work at 256 x 256. Parts remember which run of this script measured them: only
those of one run are to be compared.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from timing import PAUSE, ROUNDS, process, rounds, spread, warm

PEER = "anomalib==2.7.0"
ROOT = Path(__file__).parents[1]
RECORDS = Path(__file__).parent / "records"
BUILD = ROOT / "build" / "peer"
IMAGES = 200
BANKS = (2048, 20480)  # 1 and 10 % of 200 x 32 x 32 patches
REPEATS = 9  # in each round
PARTS = ("default", "anomalib wide_resnet50_2", "wide_resnet50_2", "anomalib resnet18", "resnet18",
         "figures")  # fmt: skip
PRECISIONS = ("float32", "int8")
TIMED_PICKS = {"resnet18": 2048, "wide_resnet50_2": 112}
MEASURED_ON = ("mvtec/bottle", "mtd")
KINDS: dict[str, dict[str, Any]] = {  # of set-up: blemish's default, and one as large as the peer's
    "embedded": {},
    "resnet50v2": {"backbone": "backbones/resnet50v2.onnx", "coreset_count": BANKS[1]},
}


def main() -> None:
    """Measure the parts asked for; what was measured on this day is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/mvtec/bottle")
    parser.add_argument("--environment", type=Path, default=BUILD / "venv", help="of the peer")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    from blemish.records.machine import machine, versions

    started = datetime.now(UTC).isoformat(timespec="seconds")
    path = RECORDS / f"peer-{datetime.now(UTC).date().isoformat()}.json"
    record = json.loads(path.read_text()) if path.exists() else {"parts": {}}
    record |= {"machine": machine(), "versions": versions(), "peer": PEER}
    with tempfile.TemporaryDirectory() as folder:
        images = copy_images(arguments.shared, Path(folder) / "surface" / "train" / "good")
        for part in arguments.only:
            print(f"{part} ...", flush=True)
            if part.startswith("anomalib"):
                result = peer(arguments.environment, images, part.split()[1])
            elif part == "figures":
                result = figures(arguments.shared)
            else:
                result = ours(images, part)
            record["parts"][part] = result | {"run": started}
            print(json.dumps(result), flush=True)
            path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")


def copy_images(shared: Path, folder: Path) -> Path:
    """The first good images of bottle, in the layout of MVTec AD."""
    folder.mkdir(parents=True)
    source = sorted((shared / "data" / "mvtec" / "bottle" / "train" / "good").glob("*.png"))
    for file in source[:IMAGES]:
        shutil.copy(file, folder)
    return folder


def peer(environment: Path, images: Path, backbone: str) -> dict[str, Any]:
    """The peer's times, or why there are none."""
    python = environment / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "-q", PEER], check=True)
        command = [
            str(python), str(Path(__file__).with_name("peer_anomalib.py")),
            "--images", str(images), "--backbone", backbone,
            "--picks", str(TIMED_PICKS[backbone]), "--banks", *map(str, BANKS),
            "--threads", str(cores()),
            "--rounds", str(ROUNDS), "--repeats", str(REPEATS), "--pause", str(PAUSE),
        ]  # fmt: skip
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return {"skipped": f"{error} {getattr(error, 'stderr', '') or ''}"[-500:]}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def cores() -> int:
    """Cores that both sides use."""
    from blemish.parallel import available_cores

    return available_cores()


def ours(images: Path, part: str) -> dict[str, Any]:
    """Fits from the shell, and predictions, in both precisions."""
    surface = images.parents[1]
    backbone = [] if part == "default" else ["--backbone", str(exported(part))]
    result: dict[str, Any] = {"images": IMAGES}
    for bank in BANKS[:1] if part == "default" else BANKS:
        for precision in PRECISIONS:
            settings = {"coreset_count": str(bank), "precision": precision}
            name = f"{precision}_{bank}"
            result[f"predict_{name}"] = predict(images, backbone[1:], settings)
            if part == "wide_resnet50_2" or precision == "int8":
                continue  # fits of these are not compared
            for folds in ("5", "0"):
                chosen = settings | {"calibration_folds": folds}
                result[f"fit_{name}_folds_{folds}"] = fit(surface, backbone, chosen)
    return result


def fit(surface: Path, backbone: list[str], settings: dict[str, str]) -> dict[str, Any]:
    """`blemish fit`, a process of its own: start-up, features, coreset, thresholds, file."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = [word for pair in settings.items() for word in ("--set", "=".join(pair))]
        seconds, peak = process(
            sys.executable, "-c", "from blemish.cli.main import run; run()",
            "fit", str(surface), "-o", f"{folder}/model.onnx", *backbone, *chosen,
        )  # fmt: skip
    return {"seconds": round(seconds, 2), "peak_megabytes": round(peak / 1e6)}


def predict(folder: Path, backbone: list[str], settings: dict[str, str]) -> dict[str, Any]:
    """Milliseconds of one warm decoded image and of eight, from pixels to score and map."""
    import blemish
    from blemish.data.loading import GoodImages
    from blemish.graph.session import Crew, Session
    from blemish.progress import LoggedProgress

    images = GoodImages(blemish.open_dataset(folder.parents[1]).train)
    chosen: dict[str, Any] = settings | {"coreset_count": int(settings["coreset_count"])}
    if backbone:
        chosen["backbone"] = backbone[0]
    fitted = blemish.PatchCore(**chosen).fit(images, progress=LoggedProgress())
    graph = fitted.graph.SerializeToString()
    fitted.close()
    _, image = next(iter(images))
    session, crew = Session(graph), Crew(graph)

    def run(stack: np.ndarray) -> Any:  # as `Model.raw` does
        return (session if len(stack) == 1 else crew).run(["score", "score_map"], image=stack)

    return milliseconds(run, image)


def milliseconds(run: Callable[[np.ndarray], Any], image: np.ndarray) -> dict[str, Any]:
    """Milliseconds of an image, and of eight at once."""
    stacks = {name: np.stack([image] * count) for name, count in (("one", 1), ("eight", 8))}
    seconds: dict[str, list[float]] = {name: [] for name in stacks}
    for _ in rounds():
        for name, stack in stacks.items():
            seconds[name] += warm(partial(run, stack), REPEATS)
    return {name: spread([1000 * s for s in found], 2) for name, found in seconds.items()}


def figures(shared: Path) -> dict[str, Any]:
    """What either kind of set-up finds, and what it costs; fits set their thresholds, too."""
    import blemish

    result: dict[str, Any] = {}
    for data in MEASURED_ON:
        dataset = blemish.open_dataset(shared / "data" / data)
        rows = result[Path(data).name] = {}
        for kind, settings in KINDS.items():
            chosen = dict(settings)
            if "backbone" in chosen:
                chosen["backbone"] = str(shared / chosen["backbone"])
            start = time.perf_counter()
            model = blemish.fit(dataset, blemish.PatchCore(memory_megabytes=6000, **chosen))
            seconds = time.perf_counter() - start
            found = blemish.evaluate(model, dataset)
            rows[kind] = {
                "bank_vectors": model.facts.detector.details["bank_vectors"],
                "fit_seconds": round(seconds, 1),
                "image_auroc": found.image["auroc"],
                "pixel_auroc": found.pixel["auroc"],
                "intervals": {name: found.intervals[name]["auroc"] for name in ("image", "pixel")},
                "milliseconds": milliseconds(model.raw, model.read(dataset.test[0].path)),
            }
            print(json.dumps(rows[kind]), flush=True)
    return result


def exported(name: str) -> Path:
    """The backbone as an ONNX file, with random weights."""
    import torch

    try:
        import timm
    except RuntimeError:  # torchvision of another torch: its two operators are not needed here
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import timm
    from safetensors.torch import save_file

    from blemish.backbones.timm_export import export_timm

    BUILD.mkdir(parents=True, exist_ok=True)
    weights = BUILD / f"{name}.safetensors"
    if not weights.exists():
        torch.manual_seed(0)
        save_file(timm.create_model(name, pretrained=False).state_dict(), weights)
    return export_timm(name, weights=weights, cache=BUILD)


if __name__ == "__main__":
    main()
