"""Fresh good images that show a region, beside the share promised: maps of one bank and of two.

    python benchmarks/region_promise.py --shared ../shared     # drawn surfaces, and real ones
    python benchmarks/region_promise.py                        # drawn ones alone

Each draw takes training images and fresh good ones from one source (drawn surfaces: others of the
same kind; real sets: a random split of their good images), fits, and counts the fresh images whose
map peaks above the threshold for regions. What the day's record holds already is left as it is.
"""

from __future__ import annotations

import argparse
import hashlib
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import blemish
from blemish.calibration.conformal import conformal_threshold, promises, upper_bound
from blemish.detectors.conformance.images import DrawnImages
from blemish.graph.session import Session
from blemish.progress import LoggedProgress
from blemish.surfaces.drawing import draw_good
from day_record import DayRecord
from detectors import DRAWN, REAL
from false_alarms import FRESH, counted
from sharp import SETTINGS

RATES = (0.01, 0.05)
LEARNED = {"mtd": 300, "lgp": 200, "bottle": 150}  # of real sets
DRAWN_LEARNED, DRAWN_PX = 150, 256

Images = dict[str, NDArray[np.uint8]]


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, help="folder with data/; drawn surfaces without")
    parser.add_argument("--data", nargs="*", help="only these")
    parser.add_argument("--kinds", nargs="*", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--draws", type=int, default=5)
    arguments = parser.parse_args()
    record = DayRecord("region-promise")
    for draw in range(arguments.draws):
        for data in arguments.data or [*DRAWN, *(REAL if arguments.shared else ())]:
            name = Path(data).name
            cases = [{"data": name, "draw": draw, "kind": kind} for kind in arguments.kinds]
            wanted = [case for case in cases if not record.holds(case)]
            if not wanted:
                continue
            folder = None if data in DRAWN else arguments.shared / "data" / data
            learned, fresh = drawn(name, draw) if folder is None else split(folder, name, draw)
            for case in wanted:
                record.add(case | measured(learned, fresh, draw, case["kind"]))


def drawn(name: str, draw: int) -> tuple[Images, Images]:
    """Images of a drawn surface to learn from, and fresh ones."""
    images = {
        f"{i:05}": draw_good(name, i, seed=100 + draw, size_px=DRAWN_PX)
        for i in range(DRAWN_LEARNED + FRESH)
    }
    names = list(images)
    learned = {name: images[name] for name in names[:DRAWN_LEARNED]}
    return learned, {name: images[name] for name in names[DRAWN_LEARNED:]}


def split(folder: Path, name: str, draw: int) -> tuple[Images, Images]:
    """Good images of a real set to learn from, and fresh ones."""
    good = [s for s in blemish.open_dataset(folder).samples if s.label == "good"]
    order = np.random.default_rng([draw, 17]).permutation(len(good))
    chosen = [good[i] for i in order[: LEARNED[name] + FRESH]]
    learned, fresh = chosen[: LEARNED[name]], chosen[LEARNED[name] :]
    return {s.id: s.read() for s in learned}, {s.id: s.read() for s in fresh}


def measured(learned: Images, fresh: Images, draw: int, kind: str) -> dict[str, Any]:
    """Fit on some images, and look at the maps of the others."""
    train = DrawnImages(learned)
    keys = {name: hashlib.sha256(image).hexdigest() for name, image in train}
    train.split_keys = list(keys.values())
    detector = blemish.PatchCore(seed=draw, **SETTINGS[kind])
    with closing(detector.fit(train, progress=LoggedProgress())) as fitted:
        peaks = [image.peak for image in counted(fitted, keys)]
        session = Session(fitted.graph.SerializeToString())
    seen = [
        float(session.run(["score_map"], image=image[None])[0].max()) for image in fresh.values()
    ]
    row: dict[str, Any] = {"left_out": len(peaks), "fresh": len(seen)}
    row |= {"median_left_out": float(np.median(peaks)), "median_fresh": float(np.median(seen))}
    for rate in RATES:
        if promises(len(peaks), rate):
            threshold = conformal_threshold(peaks, rate)
            row[f"above_{rate}"] = int(np.sum(np.array(seen) > threshold))
            row[f"bound_{rate}"] = upper_bound(len(peaks), rate, confidence=0.95)
    return row


if __name__ == "__main__":
    main()
