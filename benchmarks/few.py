"""What few good images already give: models of 5, 10, 20 and 50 of them, in several draws.

    python benchmarks/few.py --shared ../shared      # some minutes on two cores

All test images of a category are judged. What the day's record holds is left as it is.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

import blemish
from blemish.data.dataset import Dataset
from day_record import DayRecord

CATEGORIES = ("mvtec/bottle", "lgp")
IMAGES = (5, 10, 20, 50)
DRAWS = 5


def main() -> None:
    """Measure what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/")
    arguments = parser.parse_args()
    record = DayRecord("few")
    for category in CATEGORIES:
        dataset = blemish.open_dataset(arguments.shared / "data" / category)
        for images in IMAGES:
            for draw in range(DRAWS):
                case = {"category": dataset.name, "images": images, "draw": draw}
                if not record.holds(case):
                    record.add(case | measured(some(dataset, images, draw), images))


def some(dataset: Dataset, images: int, draw: int) -> Dataset:
    """A data set with so many of its training images, drawn at random."""
    kept = np.random.default_rng(draw).choice(len(dataset.train), images, replace=False)
    train = [dataset.train[int(i)] for i in sorted(kept)]
    return replace(dataset, samples=(*train, *dataset.test))


def measured(dataset: Dataset, images: int) -> dict[str, object]:
    """Figures of a model by default, at the lowest rate that so many images can promise."""
    rate = 1 / (images + 1)
    model = blemish.fit(dataset, blemish.PatchCore(), false_alarm_rate=rate)
    found = blemish.evaluate(model, dataset)
    return {
        "promised": rate,
        "image_auroc": found.image["auroc"],
        "pixel_auroc": found.pixel["auroc"],
        "false_alarm_rate": found.image["false_alarm_rate"],
        "miss_rate": found.image["miss_rate"],
    }


if __name__ == "__main__":
    main()
