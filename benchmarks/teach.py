"""False alarms and recall while alarms are taught: random streams of good images.

    python benchmarks/teach.py --shared ../shared                 # 20 streams of each category
    python benchmarks/teach.py --only mvtec/bottle --streams 2

Each stream draws half of a category's good images to fit on; of the others two thirds come one
after the other, each judged by the model as it is then, and each false alarm is taught at once
(`blemish.learn`). The last third is fresh: nothing of it is ever taught. The same fit is also
taught the ten loudest good images of its stream in one go, as alarms of a lower threshold. Rows
that are in the day's record are not measured again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import blemish
from blemish.calibration import CalibrationRequest, calibrate
from blemish.data.sample import Sample
from blemish.metrics.ranking import auroc, rank
from blemish.progress import LoggedProgress
from day_record import DayRecord, Row

CATEGORIES = ("mvtec/bottle", "lgp", "mtd")
RATE = 0.05  # promised: so that streams of some hundred images have alarms to be taught
MOST_GOOD, MOST_DEFECTS = 300, 80  # images of a fit with its stream, and those to be found
TAUGHT = 10  # loudest images that are taught in one go


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="holds data/")
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--only", action="append", help="these categories alone")
    arguments = parser.parse_args()
    record = DayRecord("teach")
    for number in range(arguments.streams):  # all categories get their first stream first
        for name in arguments.only or CATEGORIES:
            case = {"category": name, "stream": number, "rate": RATE}
            if not record.holds(case):
                record.add(case | measured(arguments.shared / "data" / name, number))


def measured(folder: Path, number: int) -> Row:
    """One stream of a category."""
    dataset = blemish.open_dataset(folder)
    good = sorted((s for s in dataset.samples if s.label == "good"), key=lambda s: s.id)
    every_defect = sorted((s for s in dataset.samples if s.label == "defect"), key=lambda s: s.id)
    order = np.random.default_rng([number, 24]).permutation(len(good))[:MOST_GOOD]
    shuffled = [good[i] for i in order]
    half = len(shuffled) // 2
    train = tuple(replace(sample, split="train") for sample in shuffled[:half])
    stream = shuffled[half : half + 2 * (len(shuffled) - half) // 3]
    fresh = shuffled[half + len(stream) :]
    some = np.random.default_rng([number, 25]).permutation(len(every_defect))[:MOST_DEFECTS]
    defects = [every_defect[i] for i in some]
    model = blemish.fit(
        replace(dataset, samples=train),
        blemish.PatchCore(seed=number),
        false_alarm_rate=RATE,
        progress=LoggedProgress(),
    )
    first, threshold = scores(model, stream), model.calibration.image_threshold
    alarms = [sample for sample, score in zip(stream, first, strict=True) if score > threshold]
    taught, learned, seconds = streamed(model, alarms)
    loudest = [stream[i] for i in np.argsort(-first, kind="stable")[:TAUGHT]]
    ten = blemish.learn(loosened(model, len(stream)), paths(loudest), progress=LoggedProgress())
    row: Row = {
        "bound": model.calibration.stated().upper_bound_95,
        "fitted": len(train),
        "streamed": len(stream),
        "alarms_untaught": len(alarms),
        "alarms": learned,
        "fresh": len(fresh),
        "defects": len(defects),
        "seconds_a_step": seconds,
    }
    known = scores(model, [*fresh, *defects])
    for what, one in (("before", model), ("taught", taught), ("ten", ten)):
        now = known if one is model else scores(one, [*fresh, *defects])
        of_fresh, of_defects = now[: len(fresh)], now[len(fresh) :]
        row[what] = {
            "false_alarms": int(np.sum(of_fresh > threshold)),
            "found": int(np.sum(of_defects > threshold)),
            "auroc": ranked(of_fresh, of_defects),
            "rose": int(np.sum(now > known + 1e-4)),
            "vectors": len_of_bank(one),
            "bytes": one.size_bytes,
        }
    return row


def streamed(
    model: blemish.Model, alarms: Sequence[Sample]
) -> tuple[blemish.Model, int, float | None]:
    """The model after a stream whose alarms were taught, how many these were, seconds for each.

    No score rises by what is taught, so only images that the first model rejects can be alarms.
    """
    seconds = []
    for sample in alarms:
        if scores(model, [sample])[0] > model.calibration.image_threshold:
            start = time.perf_counter()
            model = blemish.learn(model, [sample.path], progress=LoggedProgress())
            seconds.append(time.perf_counter() - start)
    return model, len(seconds), float(np.median(seconds)) if seconds else None


def loosened(model: blemish.Model, streamed: int) -> blemish.Model:
    """The same model with a threshold that the loudest ten of a stream are above, most likely."""
    known = model.facts.calibration.scored
    request = CalibrationRequest(false_alarm_rate=min(0.5, 1.5 * TAUGHT / streamed))
    found = calibrate([i.score for i in known], [i.peak for i in known], method="", request=request)
    return model.with_calibration(found, known)


def paths(samples: Sequence[Sample]) -> list[Path]:
    """Their files."""
    return [sample.path for sample in samples]


def scores(model: blemish.Model, samples: Sequence[Sample]) -> np.ndarray:
    """Scores of images."""
    return np.array([result.score for result in model.predict_each(paths(samples))])


def ranked(good: np.ndarray, defects: np.ndarray) -> float:
    """Area under the ROC curve."""
    labels = np.r_[np.zeros(len(good), bool), np.ones(len(defects), bool)]
    return float(auroc(rank(np.r_[good, defects], labels)) or 0)


def len_of_bank(model: blemish.Model) -> int:
    """Vectors of the bank, with those that were learned."""
    return int(model.facts.detector.details["bank_vectors"])


if __name__ == "__main__":
    main()
