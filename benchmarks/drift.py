"""Whether monitors stay quiet on quiet lines, and how soon they see what has changed.

    python benchmarks/drift.py --shared ../shared          # all: records/drift-DATE.json

Each draw splits the good images of a source anew: PatchCore is fitted on some, and judges the
others, as they are and changed. What it says of each is kept in build/, and lines are drawn from
it. Changes come after 1000 parts as before: 10 % less light, a blur of 2 px (Gaussian), a turn of
3 degrees of all parts (bicubic, at the border the nearest pixel), or one part in twenty of another
size (magnified 1.25 times). Quiet lines have 10 000 parts, drawn with replacement: where there are
few fresh images, these are the line, whose luck the training images do not share, so that it is
harder to stay quiet than on a line that never ends. Real images also make lines that take each
fresh image once.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

import blemish
from blemish.data.dataset import Dataset
from blemish.data.write_surfaces import write_surfaces
from blemish.monitor.bets import Bets
from blemish.monitor.monitor import PARTS_PER_ALARM, Monitor
from blemish.monitor.ranks import Ranks
from blemish.monitor.reference import Reference, reference_of
from blemish.monitor.streams import STREAMS, values_at
from blemish.surfaces.drawing import draw_good
from day_record import DayRecord

KEPT = Path(__file__).parents[1] / "build" / "drift"
NAMES = [stream.name for stream in STREAMS]
BEFORE, AFTER = 1000, 2000  # parts before a change, and after it at most
QUIET_PARTS, QUIET_LINES = 10_000, 1000
LINES = 25  # of a draw and a change
SIZE_PX, FRESH_DRAWN = 128, 3000

Values = NDArray[np.float64]
Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Source:
    """Where good images come from.

    Attributes:
        name: for tables.
        train: how many are learned from.
        draws: splits of them.
        quiet: lines of `QUIET_PARTS`.
    """

    name: str
    train: int
    draws: int
    quiet: int = 0


SOURCES = (
    Source("tile, drawn", 200, 10, QUIET_LINES),
    Source("mtd", 300, 8, 80),
    Source("lgp", 200, 8),
    Source("mvtec/bottle", 150, 8),
)


def main() -> None:
    """Measure what the day's record does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="holds data/")
    parser.add_argument("--source", action="append", help="only these")
    parser.add_argument("--only", choices=["judge", "changes", "quiet"], action="append")
    arguments = parser.parse_args()
    parts = arguments.only or ["judge", "changes", "quiet"]
    record = DayRecord("drift")
    for source in SOURCES:
        if arguments.source and source.name not in arguments.source:
            continue
        drawn = [Judged.of(source, number, arguments.shared) for number in range(source.draws)]
        for change in CHANGES if "changes" in parts else ():
            if not record.holds({"source": source.name, "change": change}):
                record.add(row_of_change(source, change, drawn))
        if "quiet" in parts and not record.holds({"source": source.name, "lines": "once"}):
            record.add(row_of_lines_once(source, drawn))
        if (
            "quiet" in parts
            and source.quiet
            and not record.holds({"source": source.name, "lines": "endless"})
        ):
            record.add(row_of_quiet_lines(source, drawn))


def darker(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """10 % less light."""
    return np.round(image * 0.9).astype(np.uint8)


def blurred(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A Gaussian blur of 2 px."""
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(2)))


def turned(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turned by 3 degrees about its middle."""
    width = 32
    padded = np.pad(image, ((width, width), (width, width), (0, 0)), mode="edge")
    rotated = Image.fromarray(padded).rotate(-3, Image.Resampling.BICUBIC)
    return np.asarray(rotated)[width:-width, width:-width]


def larger(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Magnified 1.25 times about its middle."""
    height, width = image.shape[:2]
    box = (width * 0.1, height * 0.1, width * 0.9, height * 0.9)
    return np.asarray(
        Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box=box)
    )


CHANGES: dict[str, tuple[Change, float]] = {
    "10 % less light": (darker, 1.0),
    "blur of 2 px": (blurred, 1.0),
    "turn of 3 degrees": (turned, 1.0),
    "5 % of a new variant": (larger, 0.05),
}


@dataclass(frozen=True)
class Judged:
    """What a model of a draw says: of its training images, of fresh ones, of changed ones.

    Attributes:
        train: by the names of streams, one value an image.
        fresh: by the change, and none; images x streams, NaN where there is no value.
    """

    train: dict[str, Values]
    fresh: dict[str, Values]

    @classmethod
    def of(cls, source: Source, number: int, shared: Path) -> Judged:
        """Fitted and judged, or as it was kept."""
        path = KEPT / f"{source.name.replace('/', '-')}-{number}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with split(source, number, shared) as (dataset, fresh):
                model = blemish.fit(dataset, blemish.PatchCore(seed=number))
                judged = {"": rows_of(model, fresh)}
                few = fresh[:500]
                for name, (change, _) in CHANGES.items():
                    judged[name] = rows_of(model, [change(image) for image in few])
            train = reference_of(model).values
            np.savez(path, **{f"train {k}": v for k, v in train.items()}, **judged)
            print(path.name, flush=True)
        with np.load(path) as kept:
            known = {name: kept[name] for name in kept.files}
        train = {k.removeprefix("train "): v for k, v in known.items() if k.startswith("train ")}
        return cls(train, {k: v for k, v in known.items() if not k.startswith("train ")})


@contextmanager
def split(
    source: Source, number: int, shared: Path
) -> Iterator[tuple[Dataset, list[NDArray[np.uint8]]]]:
    """A data set to learn from, and fresh images."""
    if source.name == "tile, drawn":
        with tempfile.TemporaryDirectory() as folder:
            (path,) = write_surfaces(
                folder, categories=["tile"], good=source.train, test_good=1, defects_a_type=0,
                size_px=SIZE_PX, seed=number,
            )  # fmt: skip
            yield blemish.open_dataset(path), drawn_tiles()
        return
    dataset = blemish.open_dataset(shared / "data" / source.name)
    good = [sample for sample in dataset.samples if sample.label == "good"]
    order = np.random.default_rng([number, 23]).permutation(len(good))
    train = [replace(good[n], split="train") for n in order[: source.train]]
    fresh = [good[n].read() for n in order[source.train :]]
    yield replace(dataset, samples=tuple(train)), fresh


_TILES: list[NDArray[np.uint8]] = []


def drawn_tiles() -> list[NDArray[np.uint8]]:
    """Fresh drawn tiles, the same for all draws."""
    if not _TILES:
        drawing = partial(draw_good, "tile", seed=99, size_px=SIZE_PX, split="test")
        _TILES.extend(map(drawing, range(FRESH_DRAWN)))
    return _TILES


def rows_of(model: blemish.Model, images: list[NDArray[np.uint8]]) -> Values:
    """What is watched of each image."""
    rows = []
    for result in model.predict_each(images, looks=True):
        values = values_at(result.score, result.look)
        rows.append([values.get(name, np.nan) for name in NAMES])
    return np.array(rows)


def reference(judged: Judged) -> Reference:
    """What a monitor starts from."""
    return Reference("0" * 64, {name: values.tolist() for name, values in judged.train.items()})


def row_of_change(source: Source, change: str, drawn: list[Judged]) -> dict[str, Any]:
    """How many parts after a change the alarm came, over draws and lines."""
    share = CHANGES[change][1]
    delays, early, streams = [], 0, []
    for number, judged in enumerate(drawn):
        for line in range(LINES):
            rng = np.random.default_rng([number, line, 5])
            monitor = Monitor(reference(judged), seed=line)
            for part in range(BEFORE + AFTER):
                other = part >= BEFORE and rng.random() < share
                rows = judged.fresh[change if other else ""]
                values = zip(NAMES, rows[rng.integers(len(rows))].tolist(), strict=True)
                if alarm := monitor.update_values(dict(values)):
                    streams.append(alarm.stream)
                    early += alarm.part <= BEFORE
                    break
            if monitor.alarm is None:
                delays.append(float("inf"))
            elif monitor.alarm.part > BEFORE:
                delays.append(monitor.alarm.part - BEFORE)
    quartiles = np.quantile(delays, [0.25, 0.5, 0.75], method="nearest")
    return {
        "source": source.name,
        "change": change,
        "train": source.train,
        "lines": len(drawn) * LINES,
        "alarms_before": early,
        "never": sum(delay == float("inf") for delay in delays),
        "parts_quartiles": [None if q == float("inf") else int(q) for q in quartiles.tolist()],
        "by": {name: streams.count(name) for name in sorted(set(streams))},
    }


def row_of_lines_once(source: Source, drawn: list[Judged]) -> dict[str, Any]:
    """Lines that take each fresh image once, in any order: exchangeable, and short."""
    parts, alarms, lines, streams = 0, 0, 0, []
    for number, judged in enumerate(drawn):
        rows = judged.fresh[""]
        for line in range(LINES):
            rng = np.random.default_rng([number, line, 6])
            monitor = Monitor(reference(judged), seed=line)
            for row in rows[rng.permutation(len(rows))[:QUIET_PARTS]]:
                if alarm := monitor.update_values(dict(zip(NAMES, row.tolist(), strict=True))):
                    streams.append(alarm.stream)
                    break
            parts, lines, alarms = parts + len(rows), lines + 1, alarms + bool(monitor.alarm)
    return {
        "source": source.name,
        "lines": "once",
        "train": source.train,
        "count": lines,
        "parts_a_line": parts // lines,
        "with_an_alarm": alarms,
        "by": {name: streams.count(name) for name in sorted(set(streams))},
    }


def row_of_quiet_lines(source: Source, drawn: list[Judged]) -> dict[str, Any]:
    """Many lines at once: ranks of each, and bets of all in one."""
    count = source.quiet
    rngs = [np.random.default_rng([line, 7]) for line in range(count)]
    fresh = [drawn[line % len(drawn)].fresh[""] for line in range(count)]
    ranks = [ranks_of(drawn[line % len(drawn)].train, line) for line in range(count)]
    bets = Bets([stream.kinds for stream in STREAMS] * count)
    weights = np.tile([stream.weight for stream in STREAMS], count)
    every = np.arange(count * len(STREAMS))
    highest, ever = np.zeros(len(every)), np.zeros(len(every))
    for _ in range(QUIET_PARTS):
        p_values = []
        for rng, rows, of_line in zip(rngs, fresh, ranks, strict=True):
            row = rows[rng.integers(len(rows))].tolist()
            chances = rng.random((len(row), 2)).tolist()
            for value, (place, tie), one in zip(row, chances, of_line, strict=True):
                p_values.append(one.p_value(value * (1 + 1e-9 * (tie - 0.5)) + 1e-12 * tie, place))
        bets.update(np.array(p_values), every)
        highest = np.maximum(highest, bets.rate * weights)
        ever = np.maximum(ever, bets.ever * weights)
    by_stream = (highest.reshape(count, -1) >= PARTS_PER_ALARM).sum(axis=0).tolist()
    most, most_ever = highest.reshape(count, -1).max(axis=1), ever.reshape(count, -1).max(axis=1)
    return {
        "source": source.name,
        "lines": "endless",
        "train": source.train,
        "count": count,
        "parts_a_line": QUIET_PARTS,
        "with_an_alarm": int((most >= PARTS_PER_ALARM).sum()),
        "at_one_in_10000": int((most >= 10_000).sum()),
        "ever_20": int((most_ever >= 20).sum()),
        "ever_100": int((most_ever >= 100).sum()),
        "by": {name: n for name, n in zip(NAMES, by_stream, strict=True) if n},
    }


def ranks_of(train: Mapping[str, Values], line: int) -> list[Ranks]:
    """What a line starts from."""
    rng = np.random.default_rng([line, 8])
    return [
        Ranks.of(
            (v * (1 + 1e-9 * (rng.random(len(v)) - 0.5)) + 1e-12 * rng.random(len(v))).tolist()
        )
        for v in (train.get(name, np.zeros(0)) for name in NAMES)
    ]


if __name__ == "__main__":
    main()
