"""A head that comes trained, beside one that is trained on the surface itself.

    python benchmarks/residual_head.py --shared ../shared

Examples of each set (synthetic defects on its good images, read by its banks) are made once. Heads
of the same form learn from those of several sets and judge a set that they have not seen: the drawn
surfaces teach each real set, and all other sets each one. Readings are taken as they are or, image
by image and level by level, less their median. What the day's record holds is left as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

import blemish
from blemish.data.loading import GoodImages
from blemish.detectors.nets.layer import Weights
from blemish.detectors.nets.module import fixed_net
from blemish.detectors.patchcore.head.examples import Examples
from blemish.detectors.patchcore.head.net import LAYERS
from blemish.detectors.patchcore.head.training import train_head
from blemish.graph.session import Session
from blemish.graph.trace import with_outputs
from blemish.metrics.pixels import PixelScores
from blemish.progress import LoggedProgress
from day_record import DayRecord
from detectors import DRAWN, REAL
from figures import masked, of_images, of_pixels

SEED = 0
LOUDEST = 10  # cells, whose mean is an image's score by the head alone
PARTS = 16  # of the test images, judged one after the other

Readings = NDArray[np.float32]
Taken = Callable[[Readings], Readings]


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, help="folder with data/; drawn surfaces without")
    arguments = parser.parse_args()
    record = DayRecord("residual-head")
    data = [*DRAWN, *(REAL if arguments.shared else ())]
    sets = {Path(d).name: read(d if d in DRAWN else arguments.shared / "data" / d) for d in data}
    for name, one in sets.items():
        for taught_by, teachers in schools(name, list(sets)).items():
            for taken_as, taken in TAKEN.items():
                case = {"data": name, "taught_by": taught_by, "readings": taken_as}
                if not record.holds(case):
                    weights = taught([sets[teacher].examples for teacher in teachers], taken)
                    record.add(case | judged(one, weights, taken))


def schools(name: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Which sets teach a head that judges one, by what that is called in the table."""
    drawn = [Path(d).name for d in DRAWN]
    found = {"itself": [name], "all others": [other for other in names if other != name]}
    if name not in drawn:
        found["drawn surfaces"] = drawn
    return found


# --- readings ------------------------------------------------------------------------------------


def as_they_are(readings: Readings) -> Readings:
    """N x 2 x h x w."""
    return readings


def less_median(readings: Readings) -> Readings:
    """Each image's of each level less their median."""
    return readings - np.median(readings, (2, 3), keepdims=True)


TAKEN: dict[str, Taken] = {"as they are": as_they_are, "less the image's median": less_median}


@dataclass(frozen=True, eq=False)
class Set:
    """What is known of a set, without its images.

    Attributes:
        examples: of its good images.
        readings: of its test images, N x 2 x h x w.
        masks: of these; `None` where a defect's is not known.
        defective: which of these are.
        scores: of these by the first bank.
    """

    examples: Examples
    readings: Readings
    masks: list[NDArray[np.bool_] | None]
    defective: list[bool]
    scores: list[float]


def read(place: str | Path) -> Set:
    """Fit both banks on a set, make examples of it and read its test images."""
    dataset = blemish.open_dataset(place)
    images, progress = GoodImages(dataset.train), LoggedProgress()
    detector = blemish.PatchCore(map_levels=["s4"], seed=SEED)
    with closing(detector.fit(images, progress=progress)) as fitted:
        examples = fitted.examples(images, progress)
        shapes = [shape for layer in LAYERS for shape in layer.shapes.items()]
        fitted.head = {name: np.zeros(shape, np.float32) for name, shape in shapes}  # untrained
        outputs = ["score", "readings"]
        session = Session(with_outputs(fitted.graph.SerializeToString(), outputs))
    readings, masks, scores = [], [], []
    for image, mask in masked(dataset.test):
        score, found = session.run(outputs, image=image[None])
        readings.append(found)
        masks.append(mask)
        scores.append(float(score[0]))
    defective = [sample.label != "good" for sample in dataset.test]
    return Set(examples, np.concatenate(readings), masks, defective, scores)


def taught(examples: Sequence[Examples], taken: Taken) -> Weights:
    """A head that has learned from all of them."""
    joined = Examples(
        np.concatenate([taken(one.spoilt) for one in examples]),
        np.concatenate([one.defects for one in examples]),
        np.concatenate([taken(one.good) for one in examples]),
    )
    return train_head(joined, seed=SEED, progress=LoggedProgress())


def judged(one: Set, weights: Weights, taken: Taken) -> dict[str, Any]:
    """Figures of a head's maps on a set, and of scores made of them."""
    net = fixed_net(LAYERS, weights)

    def log_odds(readings: Readings) -> torch.Tensor:
        with torch.no_grad():
            return net(torch.from_numpy(taken(readings)))

    def loudest(maps: torch.Tensor) -> NDArray[np.float64]:
        return maps.flatten(1).topk(LOUDEST).values.mean(1).double().numpy()

    found = torch.cat([log_odds(part) for part in np.array_split(one.readings, PARTS)])
    with PixelScores(None) as pixels:
        for number, (odds, mask) in enumerate(zip(found, one.masks, strict=True)):
            if mask is not None:
                grid = F.softplus(odds)[None]
                (score_map,) = F.interpolate(grid, mask.shape, mode="bilinear")[0].numpy()
                kind = "defect" if one.defective[number] else "good"
                pixels.add(score_map, mask, name=f"{number}", kind=kind)
        figures = of_pixels(pixels)
    good = one.examples.good
    of_head = loudest(found), loudest(log_odds(good))
    of_banks = (loudest(torch.from_numpy(one.readings[:, :1])),
                loudest(torch.from_numpy(good[:, :1])))  # fmt: skip
    deviations = [(new - known.mean()) / known.std() for new, known in (of_head, of_banks)]
    scores = {"first bank": one.scores, "head": of_head[0], "both": sum(deviations)}
    figures["image_auroc"] = {
        name: of_images(list(values), one.defective)["image_auroc"]
        for name, values in scores.items()
    }
    return figures


if __name__ == "__main__":
    main()
