"""Whether monitors stay quiet on quiet lines, and how soon they see what has changed.

    python benchmarks/drift.py --shared ../shared          # all: records/drift-DATE.json

Each draw splits the good images of a source anew: PatchCore is fitted on some, and judges the
others, as they are and changed. What it says of each is kept in build/, and lines are drawn from
it, 60 a draw. Changes come after 1000 parts as before: 10 % less light, a blur of 2 px (Gaussian),
a turn of 3 degrees (bicubic, at the border the nearest pixel) of all parts, or one part in twenty
of another size (magnified 1.25 times). Of quiet lines there are 1000 of 10 000 parts, drawn with
replacement, where fresh images are drawn by code; where they are few, a line takes each once.
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
from blemish.monitor.monitor import PARTS_PER_ALARM
from blemish.monitor.reference import reference_of
from blemish.monitor.streams import STREAMS, values_at
from blemish.surfaces.drawing import draw_good
from day_record import DayRecord

KEPT = Path(__file__).parents[1] / "build" / "drift"
NAMES = [stream.name for stream in STREAMS]
BEFORE, AFTER = 1000, 1500  # parts before a change, and after it at most
QUIET_PARTS, QUIET_LINES = 10_000, 500  # of a kind
KINDS = ("endless", "new reference")
LINES = 60  # of a draw and a change
SIZE_PX, FRESH_DRAWN, CHANGED = 128, 1200, 150  # of each change

CHUNK, BLOCK = 250, 100  # lines, and parts of a line, at once

Row = dict[str, Any]
Values = NDArray[np.float64]
Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Source:
    """Where good images come from.

    Attributes:
        name: for tables.
        train: how many are learned from.
        draws: splits of them.
        endless: whether there are so many that lines of `QUIET_PARTS` can be drawn from them.
    """

    name: str
    train: int
    draws: int
    endless: bool = False


SOURCES = (
    Source("tile, drawn", 200, 3, endless=True),
    Source("mtd", 300, 2),
    Source("lgp", 200, 4),
    Source("mvtec/bottle", 150, 5),
)


def main() -> None:
    """Measure what the day's record does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="holds data/")
    parser.add_argument("--source", action="append", help="only these")
    parser.add_argument("--judge", action="store_true", help="only fit and judge")
    arguments = parser.parse_args()
    record = DayRecord("drift")
    for source in SOURCES:
        if arguments.source and source.name not in arguments.source:
            continue
        drawn = [Judged.of(source, number, arguments.shared) for number in range(source.draws)]
        if arguments.judge:
            continue
        for change in CHANGES:
            if not record.holds({"source": source.name, "change": change}):
                record.add(row_of_change(source, change, drawn))
        for kind in KINDS if source.endless else ("once",):
            if not record.holds({"source": source.name, "lines": kind}):
                record.add(row_of_lines(source, kind, drawn))


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
                few = fresh[:CHANGED]
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


def row_of_change(source: Source, change: str, drawn: list[Judged]) -> Row:
    """How many parts after a change the alarm came, over draws and lines."""
    share = CHANGES[change][1]
    lines = []
    for number, judged in enumerate(drawn):
        for line in range(LINES):
            rng = np.random.default_rng([number, line, 5])
            before, after = judged.fresh[""], judged.fresh[change]
            parts = before[rng.integers(len(before), size=BEFORE + AFTER)]
            other = (rng.random(len(parts)) < share) & (np.arange(len(parts)) >= BEFORE)
            parts[other] = after[rng.integers(len(after), size=other.sum())]
            lines.append(even(judged.train, parts, rng))
    watched = watch(np.stack(lines))
    found = watched.alarms
    early = sum(part is not None and part <= BEFORE for part in found)
    delays = [part - BEFORE if part else np.inf for part in found if not part or part > BEFORE]
    quartiles = np.quantile(delays, [0.25, 0.5, 0.75], method="nearest").tolist()
    return {
        "source": source.name,
        "change": change,
        "train": source.train,
        "lines_count": len(lines),
        "watched_after": AFTER,
        "alarms_before": early,
        "never": sum(delay == np.inf for delay in delays),
        "parts_quartiles": [None if q == np.inf else int(q) for q in quartiles],
        "by": watched.by(),
    }


def row_of_lines(source: Source, kind: str, drawn: list[Judged]) -> Row:
    """Quiet lines.

    Of the kind `once` a line takes each fresh image once, in any order; of `endless` it draws them
    with replacement, as it does of `new reference`, where some of the fresh images take the place
    of the training images, as where a model was calibrated anew.
    """
    chunks = []
    count = LINES * len(drawn) if kind == "once" else QUIET_LINES
    for start in range(0, count, CHUNK):
        lines = []
        for line in range(start, min(count, start + CHUNK)):
            judged = drawn[line % len(drawn)]
            rng = np.random.default_rng([line, 6])
            fresh = judged.fresh[""][rng.permutation(len(judged.fresh[""]))]
            train = judged.train
            if kind == "new reference":
                first, fresh = fresh[: source.train], fresh[source.train :]
                train = {n: v for n, v in zip(NAMES, first.T, strict=True) if n in train}
            drawing = rng.integers(len(fresh), size=QUIET_PARTS)
            lines.append(even(train, fresh if kind == "once" else fresh[drawing], rng))
        chunks.append(watch(np.stack(lines)))
    most = np.concatenate([chunk.most for chunk in chunks])
    ever = np.concatenate([chunk.ever for chunk in chunks])
    by = [name for chunk in chunks for name in chunk.streams if name]
    return {
        "source": source.name,
        "lines": kind,
        "train": source.train,
        "lines_count": count,
        "parts_a_line": QUIET_PARTS if kind != "once" else len(drawn[0].fresh[""]),
        "with_an_alarm": int((most >= PARTS_PER_ALARM).sum()),
        "at_one_in_10000": int((most >= 10_000).sum()),
        "ever_20": int((ever >= 20).sum()),
        "ever_100": int((ever >= 100).sum()),
        "by": {name: by.count(name) for name in sorted(set(by))},
    }


def even(train: Mapping[str, Values], parts: Values, rng: np.random.Generator) -> Values:
    """The p-values of a line, parts x streams, as `Ranks` gives them, by counting.

    `Ranks` lets go of values in the middle; here all are kept. The law is the same.
    """
    found = np.empty(parts.shape)
    for number, name in enumerate(NAMES):
        known = np.sort(apart(np.asarray(train.get(name, ())), rng))
        values, chances = apart(parts[:, number], rng), rng.random(len(parts))
        for start in range(0, len(values), BLOCK):
            block = values[start : start + BLOCK]
            above = len(known) - np.searchsorted(known, block)
            above = above + np.tril(block[None] > block[:, None], -1).sum(axis=1)
            total = len(known) + np.arange(1, len(block) + 1)
            found[start : start + BLOCK, number] = (above + chances[start : start + BLOCK]) / total
            known = np.sort(np.concatenate([known, block]), kind="stable")
    return found


def apart(values: Values, rng: np.random.Generator) -> Values:
    """Values none of which equals another, as a monitor sees to it."""
    chances = rng.random(len(values))
    return values * (1 + 1e-9 * (chances - 0.5)) + 1e-12 * chances


@dataclass(frozen=True)
class Seen:
    """What monitors of several lines saw.

    Attributes:
        alarms: the part of each line that raised it, counted from 1.
        streams: what it was in.
        most, ever: the most evidence of each line at any time: what counts for an alarm, and the
            martingale.
    """

    alarms: list[int | None]
    streams: list[str | None]
    most: Values
    ever: Values

    def by(self) -> dict[str, int]:
        """How often it was in which stream."""
        return {name: self.streams.count(name) for name in NAMES if name in self.streams}


def watch(p_values: Values) -> Seen:
    """Bet on lines of p-values, lines x parts x streams, as `Monitor` does on one."""
    count, parts, streams = p_values.shape
    bets = Bets([stream.kinds for stream in STREAMS] * count)
    weights = np.array([stream.weight for stream in STREAMS])
    every = np.arange(count * streams)
    seen = Seen([None] * count, [None] * count, np.zeros(count), np.zeros(count))
    for part in range(parts):
        bets.update(p_values[:, part].ravel(), every)
        rates = bets.rate.reshape(count, streams) * weights
        for line in np.flatnonzero(
            (seen.most < PARTS_PER_ALARM) & (rates.max(axis=1) >= PARTS_PER_ALARM)
        ):
            seen.alarms[line], seen.streams[line] = part + 1, NAMES[int(rates[line].argmax())]
        np.maximum(seen.most, rates.max(axis=1), out=seen.most)
        np.maximum(seen.ever, (bets.ever.reshape(count, -1) * weights).max(axis=1), out=seen.ever)
    return seen


if __name__ == "__main__":
    main()
