"""PatchCore and EfficientAd judged together, beside each alone: the mean of their normalised maps.

    python benchmarks/detectors.py --preset quick            # first: the models of EfficientAd
    python benchmarks/fusion.py --shared ../shared

Score and map of each detector are told by mean and deviation over the good training images that
EfficientAd left out (PatchCore scores these by banks without them), and averaged. The threshold of
the average is found on the same images.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from figures import masked, of_images, of_pixels

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "benchmarks" / "records"
MODELS = ROOT / "build" / "detectors" / "models"
TOGETHER = "both"

Judged = tuple[float, NDArray[np.float32]]


@dataclass
class Detector:
    """What one detector says of good images that it did not see, and how it judges others.

    Attributes:
        model: the ONNX file's bytes.
        left_out: score and map of each such image, by its id, in one order for all detectors.
        mean, deviation: of those scores, and of the cells of those maps.
        good_scores: those scores by these.
    """

    model: bytes
    left_out: dict[str, Judged]
    mean: NDArray[np.float64] = field(init=False)
    deviation: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        from blemish.graph.engine import Engine
        from blemish.graph.session import Session

        self.session = Session(self.model, Engine(threads=2))
        scores = np.array([score for score, _ in self.left_out.values()])
        cells = np.concatenate([values.ravel()[::7] for _, values in self.left_out.values()])
        self.mean = np.array([scores.mean(), cells.mean()])
        self.deviation = np.array([scores.std(), cells.std()])
        self.good_scores = (scores - self.mean[0]) / self.deviation[0]

    def judge(self, pixels: NDArray[Any]) -> Judged:
        """Score and map of an image, as they are."""
        score, score_map = self.session.run(["score", "score_map"], image=pixels[None])
        return float(score[0]), score_map[0]

    def normalised(self, judged: Judged) -> Judged:
        """The same by what is usual."""
        (score, score_map), (score_mean, map_mean) = judged, self.mean
        score_unit, map_unit = self.deviation
        told = ((score_map - map_mean) / map_unit).astype(np.float32)
        return (score - score_mean) / score_unit, told


def main() -> None:
    """Measure every model that `detectors.py` left."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    arguments = parser.parse_args()
    import blemish
    from blemish.records.machine import machine, versions

    rows: list[dict[str, Any]] = []
    path = RECORDS / f"fusion-{datetime.now(UTC).date().isoformat()}.json"
    for file in sorted(MODELS.glob("*-efficientad-*.onnx")):
        model = blemish.load(file)
        settings = model.facts.detector.settings
        if settings["seed"] not in arguments.seeds:
            continue
        rows.append(measured(arguments.shared / "data", model, file.read_bytes(), settings))
        print(json.dumps(rows[-1]), flush=True)
        record = {"machine": machine(), "versions": versions(), "rows": rows}
        path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


def measured(data: Path, model: Any, file: bytes, settings: dict[str, Any]) -> dict[str, Any]:
    """Fit PatchCore on the images that a model was fitted on, and judge by both."""
    import blemish

    name, seed = model.facts.training.dataset, settings["seed"]
    folders = [data / name, data / "mvtec" / name]
    found = next((folder for folder in folders if folder.is_dir()), f"surfaces/{name}")
    dataset = blemish.open_dataset(found, seed=seed)
    ids = [image.id for image in model.facts.training.images if image.score is not None]
    detectors = {
        "patchcore": of_patchcore(dataset.train, ids, seed),
        "efficientad": of_model(model, file, [s for s in dataset.train if s.id in ids]),
    }
    row = {"data": name, "seed": seed, "preset": settings["preset"], "images": len(ids)}
    return row | {"figures": together(detectors, dataset.test)}


def of_patchcore(train: Sequence[Any], ids: Sequence[str], seed: int) -> Detector:
    """The default PatchCore, with what banks without them say of some images."""
    import blemish
    from blemish.data.loading import GoodImages
    from blemish.progress import LoggedProgress

    quiet = LoggedProgress()
    with closing(blemish.PatchCore(seed=seed).fit(GoodImages(train), progress=quiet)) as fitted:
        scores = {one.name: one.score for one in fitted.held_out_scores(progress=quiet)}
        left_out = {name: (scores[name], fitted.held_out_map(name)) for name in ids}
        return Detector(fitted.graph.SerializeToString(), left_out)


def of_model(model: Any, file: bytes, left_out: Sequence[Any]) -> Detector:
    """A model as it is, with what it says of the images that it left out."""
    scores = {image.id: image.score for image in model.facts.training.images}
    judged = {s.id: (scores[s.id], model.predict(s).score_map) for s in left_out}
    return Detector(file, judged)


def together(detectors: dict[str, Detector], test: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """Figures of each detector, and of the average of what they say."""
    from blemish.metrics.pixels import PixelScores

    kinds = [*detectors, TOGETHER]
    scores: dict[str, list[float]] = {kind: [] for kind in kinds}
    defective = [sample.label != "good" for sample in test]
    with ExitStack() as stack:
        pixels = {kind: stack.enter_context(PixelScores(None)) for kind in kinds}
        for number, (image, mask) in enumerate(masked(test)):
            judged = [one.normalised(one.judge(image)) for one in detectors.values()]
            for kind, (score, score_map) in zip(kinds, [*judged, averaged(judged)], strict=True):
                scores[kind].append(score)
                if mask is not None:
                    sort = "defect" if defective[number] else "good"
                    pixels[kind].add(score_map, mask, name=f"{number}", kind=sort)
        good = {kind: one.good_scores for kind, one in detectors.items()}
        good[TOGETHER] = np.mean(list(good.values()), axis=0)
        return {
            kind: of_images(scores[kind], defective)
            | of_pixels(pixels[kind])
            | promised(scores[kind], defective, good[kind])
            for kind in kinds
        }


def promised(
    scores: Sequence[float], defective: Sequence[bool], left_out: NDArray[np.float64]
) -> dict[str, Any]:
    """False alarms at the threshold of the lowest promise that the images left out can make."""
    from blemish.calibration.conformal import conformal_threshold, lowest_rate

    rate = lowest_rate(len(left_out))
    good = np.array(scores)[~np.array(defective)]
    above = good > conformal_threshold(left_out, rate)
    return {"false_alarms": [int(above.sum()), len(above)], "promised": rate}


def averaged(judged: Sequence[Judged]) -> Judged:
    """The mean of scores, and of maps."""
    scores, maps = zip(*judged, strict=True)
    return float(np.mean(scores)), np.mean(maps, axis=0)


if __name__ == "__main__":
    main()
