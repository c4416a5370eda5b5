"""What a teacher of EfficientAd is worth before a student follows it: nearest neighbours alone.

    python benchmarks/teachers.py --shared ../shared

The student's difference is replaced by the distance to the nearest of some features of the training
images, level by level; all else is the detector's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from day_record import DayRecord
from figures import masked, of_images, of_pixels

DATA = ("mvtec/bottle", "mtd")
BANK, LEFT_OUT = 8192, 0.15  # cells of each level; share of the training images
MOST_IMAGES = 200  # that the bank is drawn from
CHUNK = 4096
SPREAD = ", a coreset"  # behind a teacher's name: how its features were picked

Grid = NDArray[np.float32]


def teachers(shared: Path) -> dict[str, dict[str, Any]]:
    """Settings of EfficientAd, by what their teacher is called in the table."""
    known: dict[str, dict[str, Any]] = {
        "PDN small": {"pdn": "small"},
        "embedded, s8": {"teacher_levels": ["s8"]},
        "embedded, s16": {"teacher_levels": ["s16"]},
        "embedded, s8 and s16 (quick)": {},
    }
    for name in ("mobilenetv2", "resnet50v2"):
        file = shared / "backbones" / f"{name}.onnx"
        known[f"{name}, strides 8 and 16"] = {"teacher_backbone": str(file)}
    spread = {name + SPREAD: known[name] for name in known if name.startswith("embedded")}
    return known | spread


def main() -> None:
    """Measure every teacher on every set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True, help="holds data/ and backbones/")
    parser.add_argument("--data", nargs="*", default=DATA)
    parser.add_argument("--teacher", default="", help="only those that begin so")
    arguments = parser.parse_args()
    record = DayRecord("teachers")
    for data in arguments.data:
        for name, settings in teachers(arguments.shared).items():
            case = {"data": Path(data).name, "teacher": name}
            if not name.startswith(arguments.teacher) or record.holds(case):
                continue
            coreset = name.endswith(SPREAD)
            record.add(case | measured(arguments.shared, data, settings, coreset=coreset))


def measured(shared: Path, data: str, settings: dict[str, Any], *, coreset: bool) -> dict[str, Any]:
    """Figures of one teacher on one set."""
    import blemish
    from blemish.data.loading import GoodImages
    from blemish.detectors.efficientad.detector import FLOOR, EfficientAd
    from blemish.detectors.efficientad.graph import EfficientAdGraph, told_name
    from blemish.detectors.position import LeftOut
    from blemish.graph.session import Session
    from blemish.metrics.pixels import PixelScores

    detector = EfficientAd(preset="quick", **settings)
    path = data if data.startswith("surfaces/") else shared / "data" / data
    dataset = blemish.open_dataset(path)
    writer = EfficientAdGraph(
        detector.settings, detector.teacher, GoodImages(dataset.train).image_format
    )
    order = np.random.default_rng(0).permutation(len(dataset.train))
    count = max(2, round(LEFT_OUT * len(order)))
    left_out, known = ([dataset.train[i] for i in some] for some in (order[:count], order[count:]))
    features = features_of(writer)
    answers = [features(sample.read()) for sample in known[:MOST_IMAGES]]
    distances = nearest(writer, answers, coreset=coreset)
    grids = [distances(features(sample.read())) for sample in left_out]
    keys = [sample.id for sample in left_out]
    usual = {
        branch: LeftOut([grid[branch] for grid in grids], keys, floor=FLOOR).usual
        for branch in writer.branches
    }
    end = Session(writer.summary().SerializeToString())
    scores: list[float] = []
    defective = [sample.label != "good" for sample in dataset.test]
    with PixelScores(None) as pixels:
        for number, (image, mask) in enumerate(masked(dataset.test)):
            found = distances(features(image))
            told = {told_name(b): usual[b].told(grid)[None] for b, grid in found.items()}
            image_hw = np.array(image.shape[:2], np.int64)
            score, score_map = end.run(["score", "score_map"], **told, image_hw=image_hw)
            scores.append(float(score[0]))
            if mask is not None:
                kind = "defect" if defective[number] else "good"
                pixels.add(score_map[0], mask, name=f"{number}", kind=kind)
        return of_images(scores, defective) | of_pixels(pixels)


def features_of(writer: Any) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """The teacher's features of an image as it was read, C x h x w."""
    from blemish.graph.engine import CPU
    from blemish.graph.session import Session

    working = Session(writer.working().SerializeToString())
    answers = writer.teacher.answers(torch.device("cpu"), CPU)

    def features(image: NDArray[Any]) -> NDArray[np.float32]:
        (shown,) = working.run(["working"], image=image[None])
        with torch.no_grad():
            found: NDArray[np.float32] = answers(torch.from_numpy(shown))[0].numpy()
        return found

    return features


def nearest(
    writer: Any, known: Sequence[NDArray[np.float32]], *, coreset: bool
) -> Callable[[NDArray[np.float32]], dict[str, Grid]]:
    """What gives the distance of each cell to the nearest of some good ones, level by level."""
    mean = np.mean([one.mean((1, 2)) for one in known], 0)
    spread = np.sqrt(np.mean([((one - mean[:, None, None]) ** 2).mean((1, 2)) for one in known], 0))
    unit = np.where(spread > 0, spread, 1).astype(np.float32)
    ends = np.cumsum([0, *writer.layers.followed])
    levels = {branch: slice(*ends[i : i + 2]) for i, branch in enumerate(writer.branches)}

    def normal(features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cells x C."""
        told = (features - mean[:, None, None]) / unit[:, None, None]
        return told.reshape(len(mean), -1).T.astype(np.float32)

    cells = np.concatenate([normal(one) for one in known])
    banks = {branch: picked(cells[:, level], coreset=coreset) for branch, level in levels.items()}

    def distances(features: NDArray[np.float32]) -> dict[str, Grid]:
        rows = normal(features)
        return {
            branch: np.concatenate(list(_nearest(rows[:, level], banks[branch])))
            .reshape(features.shape[1:])
            .astype(np.float32)
            for branch, level in levels.items()
        }

    return distances


def picked(cells: NDArray[np.float32], *, coreset: bool) -> NDArray[np.float32]:
    """As many of some cells as a bank has."""
    from blemish.search.coreset import greedy_k_centre

    rng, count = np.random.default_rng(0), min(BANK, len(cells))
    if coreset:
        return cells[greedy_k_centre(np.ascontiguousarray(cells), count, rng=rng).picks]
    return cells[rng.choice(len(cells), count, replace=False)]


def _nearest(rows: NDArray[np.float32], bank: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    others = torch.from_numpy(np.ascontiguousarray(bank))
    for part in torch.from_numpy(np.ascontiguousarray(rows)).split(CHUNK):
        yield torch.cdist(part, others).min(1).values.numpy()


if __name__ == "__main__":
    main()
