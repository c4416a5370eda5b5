"""What calibration promises against what is seen, and what hidden defects do, as records.

    python benchmarks/calibration.py --shared ../shared promise   # mtd, 20 random splits
    python benchmarks/calibration.py --shared ../shared hidden    # lgp, defects among the good

Each row is written as soon as it is known; a run that was interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import blemish
from blemish.benchmark.machine import machine
from blemish.calibration import conformal_threshold
from blemish.calibration.false_regions import expect_false_regions
from blemish.calibration.suspicious import BY_CHANCE, typical
from blemish.data.dataset import Dataset, Sample
from blemish.data.loading import GoodPictures
from blemish.fitting import versions
from blemish.graph.session import Session
from blemish.images.regions import find_regions
from blemish.metrics.ranking import auroc, rank
from blemish.progress import LoggedProgress

RECORDS = Path(__file__).parent / "records"
TRAINED = 762  # of mtd's 952 good pictures, as in its own split
REGION_RATES = (0.05, 0.01, 0.005)
SHARES = (0.01, 0.03, 0.05)
DRAWS = 5
DECIMALS = 4  # of the scores that a record keeps

Row = dict[str, Any]


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", choices=("promise", "hidden"))
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/")
    parser.add_argument("--splits", type=int, default=20, help="of promise")
    parser.add_argument("--record", type=Path, help="file to write, or to go on with")
    arguments = parser.parse_args()
    day = datetime.now(UTC).date().isoformat()
    path = arguments.record or RECORDS / f"calibration-{arguments.study}-{day}.json"
    rows: list[Row] = json.loads(path.read_text())["rows"] if path.exists() else []
    data = arguments.shared / "data"
    for case, measure in (
        promises(data / "mtd", arguments.splits)
        if arguments.study == "promise"
        else hidden(data / "lgp")
    ):
        if any(case.items() <= row.items() for row in rows):
            continue
        start = time.perf_counter()
        rows.append(case | measure())
        took = f"{time.perf_counter() - start:.0f} s"
        print(case, {k: v for k, v in rows[-1].items() if len(str(v)) < 200}, took, flush=True)
        record = {"machine": machine(), "versions": versions(), "rows": rows}
        path.write_text(json.dumps(record, sort_keys=True) + "\n")


def promises(folder: Path, splits: int) -> Iterator[tuple[Row, Callable[[], Row]]]:
    """Random splits of all good pictures; the split's number is the seed."""
    dataset = blemish.open_dataset(folder)
    good = sorted((s for s in dataset.samples if s.label == "good"), key=lambda s: s.id)
    for number in range(splits):
        order = np.random.default_rng(number).permutation(len(good))
        train, new = ([good[i] for i in part] for part in (order[:TRAINED], order[TRAINED:]))
        yield {"split": number}, lambda train=train, new=new: promise(train, new)


def promise(train: Sequence[Sample], new: Sequence[Sample]) -> Row:
    """Fit on some good pictures, and look at others."""
    images = GoodPictures(train)
    with closing(blemish.PatchCore().fit(images, progress=LoggedProgress())) as fitted:
        rows = {found.name: found for found in fitted.left_out(progress=LoggedProgress())}
        peaks = {name: found.peak for name, found in rows.items()}
        expected = [expect_false_regions(peaks, rate, fitted.left_out_map) for rate in REGION_RATES]
        session = Session(fitted.graph.SerializeToString())
    thresholds = [conformal_threshold(list(peaks.values()), rate) for rate in REGION_RATES]
    scores, new_peaks, seen = [], [], np.zeros((len(REGION_RATES), 3), np.int64)
    for _, picture in GoodPictures(new):
        score, maps = session.run(["score", "score_map"], image=picture[None])
        scores.append(float(score[0]))
        new_peaks.append(float(maps[0].max()))
        seen += [shown(maps[0], threshold) for threshold in thresholds]
    left_out = [found.score for found in rows.values()]
    usual = typical(left_out)
    return {
        "left_out": rounded(left_out),
        "new": rounded(scores),
        "left_out_peaks": rounded(peaks.values()),
        "new_peaks": rounded(new_peaks),
        "stand_out": sum(usual.expected(score) < BY_CHANCE for score in left_out) if usual else 0,
        "regions": [
            {"rate": rate, "expected": one and one.to_dict(), "seen": counts}
            for rate, one, counts in zip(REGION_RATES, expected, seen.tolist(), strict=True)
        ],
    }  # fmt: skip


def shown(score_map: Any, threshold: float) -> tuple[int, int, int]:
    """Pixels and regions above a threshold, and whether there is one."""
    regions = find_regions(score_map, threshold)
    return int(np.count_nonzero(score_map > threshold)), len(regions), int(bool(regions))


def hidden(folder: Path) -> Iterator[tuple[Row, Callable[[], Row]]]:
    """Defects among the good training pictures: several shares, several draws of each."""
    dataset = blemish.open_dataset(folder)
    defects = [s for s in dataset.test if s.label == "defect"]
    clean: list[tuple[Any, dict[str, float]]] = []

    def clean_fit() -> tuple[Any, dict[str, float]]:
        if not clean:
            model = blemish.fit(dataset, blemish.PatchCore())
            clean.append((model, scored(model, dataset.test)))
        return clean[0]

    for share in SHARES:
        count = round(share * len(dataset.train) / (1 - share))
        for draw in range(DRAWS):
            chosen = np.random.default_rng(draw).choice(len(defects), count, replace=False)
            names = {defects[i].id for i in chosen}
            case = {"share": share, "draw": draw}
            yield case, lambda names=names: with_hidden(dataset, names, *clean_fit())


def with_hidden(dataset: Dataset, names: set[str], clean: Any, scores: dict[str, float]) -> Row:
    """Fit with hidden defects, then without what stands out; all on the same test pictures."""
    moved = [
        replace(s, split="train", label="good") if s.id in names else s for s in dataset.samples
    ]
    polluted = replace(dataset, samples=tuple(moved))
    model = blemish.fit(polluted, blemish.PatchCore())
    listed = {one["id"] for one in model.facts["training"]["suspicious"]["pictures"]}
    rest = replace(polluted, samples=tuple(s for s in moved if s.id not in listed))
    again = blemish.fit(rest, blemish.PatchCore())  # what --drop-suspicious does
    left_out = {row[0]: row[2] for row in model.facts["training"]["pictures"]}
    usual = typical(list(left_out.values()))
    return {
        "hidden": len(names),
        "trained": len(polluted.train),
        "listed_hidden": len(listed & names),
        "listed_good": len(listed - names),
        "expected_of_hidden": sorted(
            float(f"{usual.expected(left_out[name]):.2g}") for name in names
        ) if usual else None,
        "clean": figures(polluted.test, scores, clean),
        "polluted": figures(polluted.test, scored(model, polluted.test), model),
        "dropped": figures(polluted.test, scored(again, polluted.test), again),
    }  # fmt: skip


def scored(model: Any, samples: Sequence[Sample]) -> dict[str, float]:
    """Scores by the pictures' ids."""
    results = model.predict_each(samples)
    return {s.id: result.score for s, result in zip(samples, results, strict=True)}


def figures(samples: Sequence[Sample], scores: dict[str, float], model: Any) -> Row:
    """AUROC of some pictures, and what a model's own threshold makes of them."""
    values = np.array([scores[s.id] for s in samples])
    defective = np.array([s.label == "defect" for s in samples])
    flagged = values > model.calibration.image_threshold
    return {
        "image_auroc": auroc(rank(values, defective)),
        "misses": [int(np.sum(defective & ~flagged)), int(defective.sum())],
        "false_alarms": [int(np.sum(~defective & flagged)), int(np.sum(~defective))],
        "threshold": model.calibration.image_threshold,
    }


def rounded(values: Any) -> list[float]:
    """Scores as a record keeps them."""
    return [round(value, DECIMALS) for value in values]


if __name__ == "__main__":
    main()
