"""PatchCore of anomalib as its users run it; run by the Python of its own environment.

Weights are random: they do not change how long anything takes. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from anomalib.models.components import KCenterGreedy
from anomalib.models.image.patchcore.torch_model import PatchcoreModel
from PIL import Image
from torchvision.transforms import v2

SIDE, BATCH = 256, 32  # its defaults
FEW_PICKS = 12
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main() -> None:
    """Fit, and predict with banks of the sizes asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--picks", type=int, required=True, help="of the coreset that is timed")
    parser.add_argument("--banks", type=int, nargs="+", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True, help="of a round")
    parser.add_argument("--pause", type=float, required=True, help="seconds between rounds")
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    paths = sorted(arguments.images.glob("*.png"))
    model = PatchcoreModel(("layer2", "layer3"), arguments.backbone, pre_trained=False).eval()
    result: dict[str, object] = {"images": len(paths)}
    start = time.perf_counter()
    vectors = features(model, paths)
    result["features_seconds"] = round(time.perf_counter() - start, 2)
    result["patches"], result["dimensions"] = vectors.shape
    few, many = (pick(vectors, count) for count in (FEW_PICKS, arguments.picks))
    result["coreset"] = {
        "picks": arguments.picks,
        "seconds": round(many, 2),
        "seconds_a_pick": round((many - few) / (arguments.picks - FEW_PICKS), 5),
        "seconds_before_picking": round(few, 2),
    }
    image = np.asarray(Image.open(paths[0]).convert("RGB"))
    for bank in arguments.banks:
        model.memory_bank = vectors[torch.randperm(len(vectors))[:bank]].clone()
        milliseconds: dict[str, list[float]] = {"one": [], "eight": []}
        for _ in range(arguments.rounds):
            for name, count in (("one", 1), ("eight", 8)):
                work = partial(predict, model, [image] * count)
                milliseconds[name] += timed(work, arguments.repeats)
            time.sleep(arguments.pause)
        result[f"predict_{bank}"] = {name: spread(each) for name, each in milliseconds.items()}
    result["versions"] = {"torch": torch.__version__}
    print(json.dumps(result))


def prepare(images: list[np.ndarray]) -> torch.Tensor:
    """What its pre-processor makes of decoded images."""
    transform = v2.Compose([v2.Resize((SIDE, SIDE), antialias=True), v2.Normalize(MEAN, STD)])
    stack = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    return transform(stack)


def features(model: PatchcoreModel, paths: list[Path]) -> torch.Tensor:
    """All patches of all images, read from their files."""
    model.training = True  # of this module alone: it then hands out its patches
    parts = []
    with torch.no_grad():
        for first in range(0, len(paths), BATCH):
            batch = paths[first : first + BATCH]
            images = [np.asarray(Image.open(path).convert("RGB")) for path in batch]
            parts.append(model(prepare(images)))
    model.training = False
    model.embedding_store.clear()
    return torch.vstack(parts)


def pick(vectors: torch.Tensor, count: int) -> float:
    """Seconds for a coreset of that many."""
    start = time.perf_counter()
    KCenterGreedy(vectors, (count + 0.5) / len(vectors)).sample_coreset()
    return time.perf_counter() - start


def predict(model: PatchcoreModel, images: list[np.ndarray]) -> None:
    """From decoded images to scores and maps."""
    with torch.no_grad():
        model(prepare(images))


def timed(work: Callable[[], None], repeats: int) -> list[float]:
    """Milliseconds of each repeat, after one that is not counted."""
    work()
    milliseconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        milliseconds.append(1000 * (time.perf_counter() - start))
    return milliseconds


def spread(milliseconds: list[float]) -> dict[str, float]:
    """Median, lowest and highest."""
    return {
        "median": round(statistics.median(milliseconds), 2),
        "lowest": round(min(milliseconds), 2),
        "highest": round(max(milliseconds), 2),
    }


if __name__ == "__main__":
    main()
