"""Streams of good images, and the fits that they are shown to: what benchmarks of teaching share.

Each stream draws half of a category's good images to fit on; of the others two thirds come one
after the other. The last third is fresh: nothing of it is ever taught.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import blemish
from blemish.data.sample import Sample
from blemish.progress import LoggedProgress
from day_record import DayRecord, Row

CATEGORIES = ("mvtec/bottle", "lgp", "mtd")
RATE = 0.05  # promised: so that streams of some hundred images have alarms to be taught
MOST_GOOD, MOST_DEFECTS = 300, 80  # images of a fit with its stream, and those to be found


@dataclass(frozen=True)
class Stream:
    """A model, and the images that it has not seen.

    Attributes:
        model: fitted on `fitted` images.
        images: good ones that come one after the other.
        fresh: good ones that nothing is ever taught of.
        defects: to be found.
    """

    model: blemish.Model
    fitted: int
    images: list[Sample]
    fresh: list[Sample]
    defects: list[Sample]

    @classmethod
    def drawn(cls, folder: Path, number: int) -> Stream:
        """A stream of a category, by its number."""
        dataset = blemish.open_dataset(folder)
        good = sorted((s for s in dataset.samples if s.label == "good"), key=lambda s: s.id)
        bad = sorted((s for s in dataset.samples if s.label == "defect"), key=lambda s: s.id)
        order = np.random.default_rng([number, 24]).permutation(len(good))[:MOST_GOOD]
        shuffled = [good[i] for i in order]
        half = len(shuffled) // 2
        train = tuple(replace(sample, split="train") for sample in shuffled[:half])
        images = shuffled[half : half + 2 * (len(shuffled) - half) // 3]
        some = np.random.default_rng([number, 25]).permutation(len(bad))[:MOST_DEFECTS]
        model = blemish.fit(
            replace(dataset, samples=train),
            blemish.PatchCore(seed=number),
            false_alarm_rate=RATE,
            progress=LoggedProgress(),
        )
        fresh = shuffled[half + len(images) :]
        return cls(model, len(train), images, fresh, [bad[i] for i in some])


def measure_streams(name: str, doc: str | None, measured: Callable[[Stream], Row]) -> None:
    """Measure what the day's record does not hold yet, as the command line asks.

    Args:
        name: of the record.
        doc: what the benchmark is.
        measured: what is measured of one stream.
    """
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="holds data/")
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--only", action="append", help="these categories alone")
    arguments = parser.parse_args()
    record = DayRecord(name)
    for number in range(arguments.streams):  # all categories get their first stream first
        for category in arguments.only or CATEGORIES:
            case = {"category": category, "stream": number, "rate": RATE}
            if not record.holds(case):
                stream = Stream.drawn(arguments.shared / "data" / category, number)
                record.add(case | measured(stream))


def paths(samples: Sequence[Sample]) -> list[Path]:
    """Their files."""
    return [sample.path for sample in samples]


def scores(model: blemish.Model, samples: Sequence[Sample]) -> np.ndarray:
    """Scores of images."""
    return np.array([result.score for result in model.predict_each(paths(samples))])
