"""False alarms promised and seen where good images are hardly ordinary: alike, drifting, few.

    python benchmarks/false_alarms.py --shared ../shared              # all cases, 40 draws of each
    python benchmarks/false_alarms.py --case 'still camera, 256' --draws 4

Each draw makes training images and 200 fresh good ones from one source, fits, calibrates, and
counts the fresh ones above the threshold. As in `blemish fit`, copies of an image count once, and
a draw with too few that differ to promise the rate is refused. What is known is kept in build/, a
run that was interrupted goes on from there, and the record in benchmarks/records/ is made from all
of it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import blemish
from blemish.calibration.conformal import conformal_threshold, promises, upper_bound
from blemish.calibration.scored import one_a_key
from blemish.data.loading import GoodImages
from blemish.detectors.conformance.images import DrawnImages
from blemish.graph.session import Session
from blemish.progress import LoggedProgress
from blemish.records.machine import machine, versions
from blemish.result import ScoredImage

RECORDS = Path(__file__).parent / "records"
KEPT = Path(__file__).parents[1] / "build" / "false-alarms.json"
FRESH = 200

Image = NDArray[np.uint8]
Rng = np.random.Generator
Row = dict[str, Any]
Draw = Callable[[Rng, int], Iterator[Image]]


@dataclass(frozen=True)
class Case:
    """A source of good images, and what is asked of a model of them.

    Attributes:
        name: for tables.
        draw: gives that many images of a source that it draws first.
        images: to learn from.
        rate: promised.
        settings: of the detector.
        fresh: images that are judged.
        detector: what is fitted.
    """

    name: str
    draw: Draw
    images: int
    rate: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    fresh: int = FRESH
    detector: Callable[..., Any] = blemish.PatchCore


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="holds data/")
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--case", action="append", help="only those that begin so")
    arguments = parser.parse_args()
    KEPT.parent.mkdir(exist_ok=True)
    rows: list[Row] = json.loads(KEPT.read_text()) if KEPT.exists() else []
    known = {(row["case"], row["images"], row["draw"]) for row in rows}
    chosen = [c for c in cases(arguments.shared / "data") if begins(c.name, arguments.case)]
    for number in range(arguments.draws):  # all cases get their first draw first
        for case in chosen:
            if (case.name, case.images, number) not in known:
                start = time.perf_counter()
                rows.append({"case": case.name, "draw": number} | measured(case, number))
                KEPT.write_text(json.dumps(rows))
                seconds = time.perf_counter() - start
                told = "refused" if rows[-1]["refused"] else rows[-1]["above"]
                print(case.name, number, told, f"{seconds:.0f} s", flush=True)
    asked = {(case.name, case.images) for case in cases(arguments.shared / "data")}
    rows = [row for row in rows if (row["case"], row["images"]) in asked]
    day = datetime.now(UTC).date().isoformat()
    record = {"machine": machine(), "versions": versions(), "rows": rows}
    (RECORDS / f"false-alarms-{day}.json").write_text(json.dumps(record, indent=1) + "\n")


def begins(name: str, wanted: list[str] | None) -> bool:
    """Whether a case is one of those asked for."""
    return not wanted or any(name.startswith(start) for start in wanted)


def measured(case: Case, number: int) -> Row:
    """Fit on some images of a draw, and look at the others."""
    rng = np.random.default_rng([number, 7])
    images = list(case.draw(rng, case.images + case.fresh))
    train = DrawnImages({f"{i:05}": image for i, image in enumerate(images[: case.images])})
    train.split_keys = [hashlib.sha256(image).hexdigest() for _, image in train]
    row: Row = {"images": case.images, "rate": case.rate, "fresh": case.fresh}
    detector = case.detector(seed=number, **case.settings)
    known = detector.calibration_images(train.split_keys)
    if not promises(known, case.rate):
        return row | {"left_out": known, "refused": True}
    with closing(detector.fit(train, progress=LoggedProgress())) as fitted:
        keys = dict(zip(dict(train), train.split_keys, strict=True))
        left_out = [image.score for image in counted(fitted, keys)]
        session = Session(fitted.graph.SerializeToString())
    threshold = conformal_threshold(left_out, case.rate)
    fresh, seen = (
        np.concatenate([session.run(["score"], image=image[None])[0] for image in some])
        for some in (images[case.images :], images[: case.images])
    )
    return row | {
        "left_out": len(left_out),
        "refused": False,
        "bound": upper_bound(len(left_out), case.rate, confidence=0.95),
        "above": int(np.sum(fresh > threshold)),
        "seen_above": int(np.sum(seen > threshold)),
        "threshold": threshold,
        "median_left_out": float(np.median(left_out)),
        "median_fresh": float(np.median(fresh)),
    }


def counted(fitted: Any, keys: Mapping[str, str]) -> list[ScoredImage]:
    """Training images scored as if they were new; of copies one, with the highest of each."""
    scored = {
        one.name: ScoredImage(one.name, keys[one.name], one.score, one.peak)
        for one in fitted.held_out_scores(progress=LoggedProgress())
    }
    own = {name: key for name, key in keys.items() if name in scored}
    return one_a_key(scored, own)


# --- sources -----------------------------------------------------------------------------------


def cases(data: Path) -> Iterator[Case]:
    """All that is measured."""
    for side_px in (96, 256):
        for images, rate in ((20, 0.05), (100, 0.01), (300, 0.01)):
            for sigma in (0.1, 0.13, 0.2, 0.3, 1.0, 3.0):
                yield Case(named(side_px, sigma), still(side_px, sigma), images, rate)
    yield Case(named(128, 1.0), still(128, 1.0), 40, 0.05)
    int8 = {"precision": "int8"}
    yield Case(f"int8, {named(96, 0.3)}", still(96, 0.3), 20, 0.05, int8)
    yield Case("few parts, banks of all that is left", parts, 8, 0.12)
    large = {"coreset_ratio": 0.8}
    yield Case("parts, bank of 80 % of the patches", parts, 20, 0.05, large)
    yield from efficientads()
    yield Case("drift", drifting, 60, 0.05)
    yield Case("two machines", two_machines, 60, 0.05)
    yield Case("near copies", near_copies, 60, 0.05)
    yield Case("heavy tails", heavy_tails, 60, 0.05)
    yield Case("contaminated 3 %", contaminated, 100, 0.05)
    padim = blemish.Padim
    yield Case(f"PaDiM, {named(128, 1.0)}", still(128, 1.0), 40, 0.05, detector=padim)
    yield Case("PaDiM, heavy tails", heavy_tails, 60, 0.05, detector=padim)
    for name, train, rate in (("lgp", 200, 0.01), ("mvtec/bottle", 150, 0.01), ("mtd", 300, 0.01)):
        if (data / name).is_dir():
            good = [s for s in blemish.open_dataset(data / name).samples if s.label == "good"]
            fresh = min(len(good) - train, FRESH)
            yield Case(name, real(good), train, rate, fresh=fresh)
            yield Case(f"PaDiM, {name}", real(good), train, rate, fresh=fresh, detector=padim)


def efficientads() -> Iterator[Case]:
    """EfficientAd in short trainings: it learns less, and must promise no less."""
    short = {"preset": "quick", "image_size": 128, "steps": 300}
    for source, draw in (
        (named(128, 0.3), still(128, 0.3)),
        (named(128, 3.0), still(128, 3.0)),
        ("heavy tails", heavy_tails),
    ):
        name = f"EfficientAd, {source}"
        yield Case(name, draw, 140, 0.05, short, detector=blemish.EfficientAd)


def named(side_px: int, sigma: float) -> str:
    """The name of a still camera's case."""
    return f"still camera, {side_px} px, noise {sigma:g}"


def weave(rng: Rng, side_px: int) -> NDArray[np.float64]:
    """A grey weave with grain: what a camera on a tripod looks at."""
    rows, columns = np.mgrid[:side_px, :side_px]
    phases = rng.uniform(0, 6, 2)
    waves = np.sin(columns / 3 + phases[0]) + np.sin(rows / 4 + phases[1])
    return np.rint(120 + 25 * waves + rng.normal(0, 5, (side_px, side_px)))


def finished(grey: NDArray[Any]) -> Image:
    """H x W as an image of 8 bits, H x W x 3."""
    image = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return np.repeat(image[:, :, None], 3, axis=2)


def still(side_px: int, sigma: float) -> Draw:
    """One part, and the noise of the sensor."""

    def draw(rng: Rng, count: int) -> Iterator[Image]:
        part = weave(rng, side_px)
        for _ in range(count):
            yield finished(part + rng.normal(0, sigma, part.shape))

    return draw


def parts(rng: Rng, count: int) -> Iterator[Image]:
    """A part each."""
    for _ in range(count):
        yield finished(weave(rng, 96))


def drifting(rng: Rng, count: int) -> Iterator[Image]:
    """One part under light that is now brighter, now darker by a fifth."""
    part = weave(rng, 128)
    for _ in range(count):
        yield finished(part * rng.uniform(0.8, 1.2) + rng.normal(0, 1, part.shape))


def two_machines(rng: Rng, count: int) -> Iterator[Image]:
    """Parts of either of two machines."""
    parts = [weave(rng, 128), weave(rng, 128)]
    for _ in range(count):
        part = parts[rng.integers(2)]
        yield finished(part + rng.normal(0, 1, part.shape))


def near_copies(rng: Rng, count: int) -> Iterator[Image]:
    """A few parts, each taken again and again."""
    parts = [weave(rng, 128) for _ in range(10)]
    for _ in range(count):
        part = parts[rng.integers(len(parts))]
        yield finished(part + rng.normal(0, 0.3, part.shape))


def heavy_tails(rng: Rng, count: int) -> Iterator[Image]:
    """A part each, of a noise that is strong now and then."""
    for _ in range(count):
        strength = 2 * min(rng.standard_exponential() ** 2, 20)
        part = weave(rng, 128)
        yield finished(part + rng.normal(0, 1, part.shape) * strength)


def contaminated(rng: Rng, count: int) -> Iterator[Image]:
    """A part each; three in a hundred have a bright blot, and count as good."""
    for _ in range(count):
        part = weave(rng, 128)
        if rng.random() < 0.03:
            row, column = rng.integers(10, 110, 2)
            part[row : row + 8, column : column + 8] = 240
        yield finished(part)


def real(samples: Iterable[Any]) -> Draw:
    """Good images of a data set in an order of their own, in which none comes twice."""

    def draw(rng: Rng, count: int) -> Iterator[Image]:
        ordered = sorted(samples, key=lambda sample: sample.id)
        chosen = [ordered[i] for i in rng.permutation(len(ordered))[:count]]
        images = dict(GoodImages(chosen))  # these come in the order of their ids
        for sample in chosen:
            yield images[sample.id]

    return draw


if __name__ == "__main__":
    main()
