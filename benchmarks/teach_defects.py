"""Known defects that are taught: near-identical ones found, and what it costs in false alarms.

    python benchmarks/teach_defects.py --shared ../shared         # 20 streams of each category

The fits are those of `teach.py`. Of the defects that a fit misses up to three are taught, each with
the box of its mask, and the good images of the stream say how near counts. Then fresh good
images are judged, all other defects, and the taught ones moved by two pixels and brightened by a
fiftieth. Rows that are in the day's record are not measured again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import blemish
from blemish.data.sample import Sample
from blemish.errors import UsageError
from blemish.progress import LoggedProgress
from day_record import DayRecord, Row
from teach import CATEGORIES, MOST_DEFECTS, MOST_GOOD, RATE, paths, scores

MOST_TAUGHT = 3
MOVED_PX, BRIGHTENED = 2, 1.02


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="holds data/")
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--only", action="append", help="these categories alone")
    arguments = parser.parse_args()
    record = DayRecord("teach-defects")
    for number in range(arguments.streams):
        for name in arguments.only or CATEGORIES:
            case = {"category": name, "stream": number, "rate": RATE}
            if not record.holds(case):
                record.add(case | measured(arguments.shared / "data" / name, number))


def measured(folder: Path, number: int) -> Row:
    """One stream of a category."""
    dataset = blemish.open_dataset(folder)
    good = sorted((s for s in dataset.samples if s.label == "good"), key=lambda s: s.id)
    every = sorted((s for s in dataset.samples if s.label == "defect"), key=lambda s: s.id)
    order = np.random.default_rng([number, 24]).permutation(len(good))[:MOST_GOOD]
    shuffled = [good[i] for i in order]
    half = len(shuffled) // 2
    train = tuple(replace(sample, split="train") for sample in shuffled[:half])
    stream = shuffled[half : half + 2 * (len(shuffled) - half) // 3]
    fresh = shuffled[half + len(stream) :]
    some = np.random.default_rng([number, 25]).permutation(len(every))[:MOST_DEFECTS]
    defects = [every[i] for i in some]
    model = blemish.fit(
        replace(dataset, samples=train),
        blemish.PatchCore(seed=number),
        false_alarm_rate=RATE,
        progress=LoggedProgress(),
    )
    threshold = model.calibration.image_threshold
    before = scores(model, defects)
    missed = [s for s, score in zip(defects, before, strict=True) if score <= threshold and s.masks]
    new, taught, refused = model, [], 0
    for sample in missed[:MOST_TAUGHT]:
        image = model.read(sample)
        box = box_of(sample, image)
        try:
            new = blemish.learn_defects(
                new, paths([sample]), paths(stream), box_xyxy=box, progress=LoggedProgress()
            )
            taught.append(sample)
        except UsageError:
            refused += 1
    others = [sample for sample in defects if sample not in taught]
    likes = [like for sample in taught for like in nearly(model.read(sample))]
    return {
        "fresh": len(fresh),
        "streamed": len(stream),
        "missed": len(missed),
        "defects_taught": len(taught),
        "refused": refused,
        "others": len(others),
        "likes": len(likes),
        "more_alarms": 1 / (len(stream) + 1),
        **{
            what: {
                "false_alarms": int(np.sum(scores(one, fresh) > threshold)),
                "others_found": int(np.sum(scores(one, others) > threshold)),
                "likes_found": sum(one.predict(like).score > threshold for like in likes),
            }
            for what, one in (("before", model), ("taught", new))
        },
    }


def box_of(sample: Sample, image: NDArray[Any]) -> tuple[int, int, int, int]:
    """Of the defect's mask."""
    rows, columns = np.nonzero(sample.read_mask((image.shape[0], image.shape[1])))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def nearly(image: NDArray[np.uint8]) -> Sequence[NDArray[np.uint8]]:
    """Images that are nearly the same."""
    moved = np.roll(image, (MOVED_PX, MOVED_PX), axis=(0, 1))
    brightened = np.clip(np.rint(image * BRIGHTENED), 0, 255).astype(np.uint8)
    return [moved, brightened]


if __name__ == "__main__":
    main()
