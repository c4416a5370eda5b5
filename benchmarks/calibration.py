"""What calibration promises against what is seen, and what hidden defects do, as records.

    python benchmarks/calibration.py --shared ../shared promise   # mtd, 20 random splits
    python benchmarks/calibration.py --shared ../shared hidden    # lgp, defects among the good
    python benchmarks/calibration.py simulate                     # tails of known distributions

All scores are kept in build/ as soon as they are known, and a run that was interrupted goes on from
there; the record in benchmarks/records/ is made from them at the end.
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
import scipy.stats

import blemish
from blemish.calibration import CalibrationRequest, calibrate, conformal_threshold
from blemish.calibration.false_regions import expect_false_regions
from blemish.calibration.suspicious import BY_CHANCE, typical
from blemish.calibration.tail import fit_tail
from blemish.data.dataset import Dataset
from blemish.data.loading import GoodImages
from blemish.data.sample import Sample
from blemish.errors import CalibrationError
from blemish.graph.session import Session
from blemish.images.regions import find_regions
from blemish.metrics.ranking import auroc, rank
from blemish.progress import LoggedProgress
from blemish.records.machine import machine, versions
from blemish.typed_json import as_json

RECORDS = Path(__file__).parent / "records"
KEPT = Path(__file__).parents[1] / "build"
TRAINED = 762  # of mtd's 952 good images, as in its own split
RATES = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
REGION_RATES = (0.05, 0.01, 0.005)
TAIL_SCORES = 99  # can promise 1 %
TAIL_RATES = (0.005, 0.0025)
TAIL_DRAWS = 20  # of each split
LAWS: dict[str, tuple[float, ...]] = {"gumbel_r": (), "gamma": (2,), "norm": ()}
SIMULATED_SCORES = (100, 250, 762)
BELOW = (2, 5, 20)  # times below what can be promised
SIMULATIONS = 300
SHARES = (0.01, 0.03, 0.05)
DRAWS = 5

Row = dict[str, Any]


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", choices=("promise", "hidden", "simulate"))
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="holds data/")
    parser.add_argument("--splits", type=int, default=20, help="of promise")
    parser.add_argument("--shares", type=float, nargs="*", default=SHARES, help="of hidden")
    arguments = parser.parse_args()
    data, study = arguments.shared / "data", arguments.study
    cases = {
        "promise": lambda: promises(data / "mtd", arguments.splits),
        "hidden": lambda: hidden(data / "lgp", arguments.shares),
        "simulate": simulations,
    }[study]()
    kept = KEPT / f"calibration-{study}.json"  # all scores, to go on with
    kept.parent.mkdir(exist_ok=True)
    rows: list[Row] = json.loads(kept.read_text())["rows"] if kept.exists() else []
    for case, measure in cases:
        if not any(case.items() <= row.items() for row in rows):
            start = time.perf_counter()
            rows.append(case | measure())
            kept.write_text(json.dumps({"rows": rows}))
            print(case, f"{time.perf_counter() - start:.0f} s", flush=True)
    day = datetime.now(UTC).date().isoformat()
    told = promise_summary(rows) if study == "promise" else {"rows": rows}
    record = {"machine": machine(), "versions": versions()} | told
    path = RECORDS / f"calibration-{study}-{day}.json"
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


def promises(folder: Path, splits: int) -> Iterator[tuple[Row, Callable[[], Row]]]:
    """Random splits of all good images; the split's number is the seed."""
    dataset = blemish.open_dataset(folder)
    good = sorted((s for s in dataset.samples if s.label == "good"), key=lambda s: s.id)
    for number in range(splits):
        order = np.random.default_rng(number).permutation(len(good))
        train, new = ([good[i] for i in part] for part in (order[:TRAINED], order[TRAINED:]))
        yield {"split": number}, lambda train=train, new=new: promise(train, new)


def promise(train: Sequence[Sample], new: Sequence[Sample]) -> Row:
    """Fit on some good images, and look at others."""
    images = GoodImages(train)
    with closing(blemish.PatchCore().fit(images, progress=LoggedProgress())) as fitted:
        rows = {found.name: found for found in fitted.held_out_scores(progress=LoggedProgress())}
        peaks = {name: found.peak for name, found in rows.items()}
        expected = [expect_false_regions(peaks, rate, fitted.held_out_map) for rate in REGION_RATES]
        session = Session(fitted.graph.SerializeToString())
    thresholds = [conformal_threshold(list(peaks.values()), rate) for rate in REGION_RATES]
    scores, new_peaks, seen = [], [], np.zeros((len(REGION_RATES), 3), np.int64)
    for _, image in GoodImages(new):
        score, maps = session.run(["score", "score_map"], image=image[None])
        scores.append(float(score[0]))
        new_peaks.append(float(maps[0].max()))
        seen += [shown(maps[0], threshold) for threshold in thresholds]
    left_out = [found.score for found in rows.values()]
    usual = typical(left_out)
    return {
        "left_out": left_out,
        "new": scores,
        "left_out_peaks": list(peaks.values()),
        "new_peaks": new_peaks,
        "stand_out": sum(usual.expected(score) < BY_CHANCE for score in left_out) if usual else 0,
        "regions": [
            {"rate": rate, "expected": one and as_json(one.stated()), "seen": counts}
            for rate, one, counts in zip(REGION_RATES, expected, seen.tolist(), strict=True)
        ],
    }  # fmt: skip


def promise_summary(rows: Sequence[Row]) -> Row:
    """What a record keeps of all splits: counts, not scores."""
    counts = [
        {
            "split": row["split"],
            "stand_out": row["stand_out"],
            "regions": row["regions"],
            "above": {f"{rate:g}": above(row, rate) for rate in RATES},
        }
        for row in rows
    ]
    few = [tail_counts(row, rate) for row in rows for rate in TAIL_RATES]
    return {"trained": TRAINED, "new": len(rows[0]["new"]), "splits": counts, "tails": few}


def above(row: Row, rate: float) -> Row:
    """How many new images are above the thresholds for a rate."""
    threshold, pixel_threshold = (
        conformal_threshold(row[name], rate) for name in ("left_out", "left_out_peaks")
    )
    rejected = np.array(row["new"]) > threshold
    show = np.array(row["new_peaks"]) > pixel_threshold
    old = calibrate(
        row["left_out"], row["left_out_peaks"], method="", request=CalibrationRequest(rate)
    )
    return {
        "image": int(rejected.sum()),
        "regions": int(show.sum()),
        "either": int((rejected | show).sum()),
        "either_expected": old.either_rate,
    }


def tail_counts(row: Row, rate: float) -> Row:
    """Tails fitted to a few of the left-out scores, judged by all the others and the new ones."""
    rng = np.random.default_rng(row["split"])
    scores = np.array(row["left_out"])
    hits = judged = refused = 0
    for _ in range(TAIL_DRAWS):
        order = rng.permutation(len(scores))
        others = np.concatenate([scores[order[TAIL_SCORES:]], row["new"]])
        try:
            threshold = fit_tail(scores[order[:TAIL_SCORES]]).threshold(rate)
        except CalibrationError:
            refused += 1
            continue
        hits += int(np.sum(others > threshold))
        judged += len(others)
    return {"split": row["split"], "rate": rate, "hits": hits, "of": judged, "refused": refused}


def shown(score_map: Any, threshold: float) -> tuple[int, int, int]:
    """Pixels and regions above a threshold, and whether there is one."""
    regions = find_regions(score_map, threshold)
    return int(np.count_nonzero(score_map > threshold)), len(regions), int(bool(regions))


def hidden(folder: Path, shares: Sequence[float]) -> Iterator[tuple[Row, Callable[[], Row]]]:
    """Defects among the good training images: several shares, several draws of each."""
    dataset = blemish.open_dataset(folder)
    defects = [s for s in dataset.test if s.label == "defect"]
    clean: list[tuple[Any, dict[str, float]]] = []

    def clean_fit() -> tuple[Any, dict[str, float]]:
        if not clean:
            model = blemish.fit(dataset, blemish.PatchCore())
            clean.append((model, scored(model, dataset.test)))
        return clean[0]

    for share in shares:
        count = round(share * len(dataset.train) / (1 - share))
        for draw in range(DRAWS):
            chosen = np.random.default_rng(draw).choice(len(defects), count, replace=False)
            names = {defects[i].id for i in chosen}
            case = {"share": share, "draw": draw}
            yield case, lambda names=names: with_hidden(dataset, names, *clean_fit())


def with_hidden(dataset: Dataset, names: set[str], clean: Any, scores: dict[str, float]) -> Row:
    """Fit with hidden defects, then without what stands out; all on the same test images."""
    moved = [
        replace(s, split="train", label="good") if s.id in names else s for s in dataset.samples
    ]
    polluted = replace(dataset, samples=tuple(moved))
    model = blemish.fit(polluted, blemish.PatchCore())
    listed = {one.id for one in model.facts.training.suspicious.images}
    rest = replace(polluted, samples=tuple(s for s in moved if s.id not in listed))
    again = blemish.fit(rest, blemish.PatchCore())  # what --drop-suspicious does
    left_out = {image.id: image.score for image in model.facts.training.images}
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


def simulations() -> Iterator[tuple[Row, Callable[[], Row]]]:
    """Tails fitted to scores whose distribution is known."""
    for law in LAWS:
        for scores in SIMULATED_SCORES:
            for below in BELOW:
                case = {"law": law, "scores": scores, "below": below}
                yield case, lambda case=case: simulated(**case)


def simulated(law: str, scores: int, below: int) -> Row:
    """The true rates of the thresholds of many tails, in units of the rate asked for."""
    known, rng = getattr(scipy.stats, law)(*LAWS[law]), np.random.default_rng(0)
    rate = 1 / (scores + 1) / below
    rates, covered, refused = [], 0, 0
    for _ in range(SIMULATIONS):
        try:
            tail = fit_tail(known.rvs(scores, random_state=rng))
        except CalibrationError:
            refused += 1
            continue
        rates.append(float(known.sf(tail.threshold(rate))))
        covered += rates[-1] <= tail.upper_bound(rate, confidence=0.95)
    return {
        "mean": float(np.mean(rates)) / rate,
        "covered": covered / len(rates),
        "refused": refused,
        "of": SIMULATIONS,
    }


def scored(model: Any, samples: Sequence[Sample]) -> dict[str, float]:
    """Scores by the images' ids."""
    results = model.predict_each(samples)
    return {s.id: result.score for s, result in zip(samples, results, strict=True)}


def figures(samples: Sequence[Sample], scores: dict[str, float], model: Any) -> Row:
    """AUROC of some images, and what a model's own threshold makes of them."""
    values = np.array([scores[s.id] for s in samples])
    defective = np.array([s.label == "defect" for s in samples])
    flagged = values > model.calibration.image_threshold
    return {
        "image_auroc": auroc(rank(values, defective)),
        "misses": [int(np.sum(defective & ~flagged)), int(defective.sum())],
        "false_alarms": [int(np.sum(~defective & flagged)), int(np.sum(~defective))],
        "threshold": model.calibration.image_threshold,
    }


if __name__ == "__main__":
    main()
