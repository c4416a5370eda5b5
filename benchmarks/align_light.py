"""Parts that shift and turn, in other light or out of focus: what aligned models say of them.

    python benchmarks/align_light.py      # some minutes on two cores

The bottles of MVTec AD (`../shared/data`), all shifted by up to 10 % of their side and turned by
up to 8 degrees. Of the good training images 109 are learned from and 40 spoiled in each way; the
other 60 and the good test images are judged as they are, so that no good image has two parts here.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import blemish
from align import BOTTLE, motions, moved, save
from blemish.data.dataset import Sample
from blemish.progress import LoggedProgress
from blemish.result import GOOD
from day_record import DayRecord, Row
from inspectable import Pixels, blurred, judged, lit

SHIFT, DEGREES = 0.1, 8.0
SIDE_PX = 320
LEARNED, SPOILED = 109, 40
WAYS = {
    **{f"light x {times:g}": lit(times) for times in (0.5, 0.7, 1.4, 1.8)},
    **{f"blur {px} px": blurred(px) for px in (1, 2, 4)},
}
DETECTORS = {
    "patchcore": blemish.PatchCore,
    "patchcore and padim, at 128 px": lambda: blemish.Fusion(
        members=("patchcore", "padim"), image_size=128
    ),
}


def main() -> None:
    """Measure what the day's record does not hold."""
    record = DayRecord("align-light")
    for name in DETECTORS:
        if not record.holds({"detector": name}):
            record.add(*rows_of(name))
    print(json.dumps({"rows": len(record.rows)}))


def rows_of(name: str) -> Iterator[Row]:
    """What a model says of good images, spoiled ones and defects."""
    dataset = blemish.open_dataset(BOTTLE)
    train = [dataset.train[n] for n in np.random.default_rng(0).permutation(len(dataset.train))]
    learned, spoiled, fresh = np.split(np.array(train, object), (LEARNED, LEARNED + SPOILED))
    good = [*fresh, *(s for s in dataset.test if s.label == GOOD)]
    defects = [s for s in dataset.test if s.label != GOOD]
    model = fitted(name, images(learned, seed=0))
    told = model.facts.inspectable
    assert told is not None
    facts = {"detector": name, "learned": LEARNED, "promised": model.calibration.false_alarm_rate}
    facts |= {"limit": told.limit, "farthest": told.farthest}
    yield facts | judged("good", model, images(good, seed=1))
    whole = images(spoiled, seed=2)
    for case, spoil in WAYS.items():
        yield facts | judged(case, model, [spoil(image) for image in whole])
    yield facts | judged("defect", model, images(defects, seed=3))


def images(samples: Sequence[Sample], *, seed: int) -> list[Pixels]:
    """Those of samples, moved."""
    ways = motions(len(samples), seed, SIDE_PX, shift=SHIFT, degrees=DEGREES)
    return [moved(sample.read(), way) for sample, way in zip(samples, ways, strict=True)]


def fitted(name: str, good: Sequence[Pixels]) -> blemish.Model:
    """A model that aligns."""
    with tempfile.TemporaryDirectory() as folder:
        for number, image in enumerate(good):
            save(Path(folder) / "train" / "good" / f"{number:03}.png", image)
        save(Path(folder) / "test" / "good" / "000.png", good[0])
        return blemish.fit(
            blemish.open_dataset(folder),
            DETECTORS[name](),
            align=blemish.Alignment(15),
            progress=LoggedProgress(),
        )


if __name__ == "__main__":
    main()
