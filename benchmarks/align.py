"""Parts that shift and turn: what they cost with and without alignment, and how well it finds them.

    python benchmarks/align.py

The bottles of MVTec AD (`../shared/data`), and a label drawn here whose place is known exactly.
Test images are shifted by up to 15 % of their side and turned by up to 10 degrees, evenly; what
comes into view has the colour of the nearest border pixel. `cut`: images as they are, so that a
moved bottle is cut off. `whole`: all images, those of the fit too, with 20 % of border more on
each side, so that it stays whole. Beside the figures: errors on known motions, time of an image,
false alarms of the limit, and what is not the part.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import blemish
from blemish.alignment import Alignment, Motion
from blemish.data.dataset import Dataset
from blemish.data.loading import GoodImages
from blemish.detectors.aligned import aligned_images
from blemish.graph.engine import Engine
from blemish.graph.session import Session
from blemish.model.model import Model
from blemish.progress import LoggedProgress
from day_record import DayRecord

BOTTLE = Path(__file__).parents[2] / "shared" / "data" / "mvtec" / "bottle"
SHIFT, DEGREES = 0.15, 10.0
SEEDS = 1
ALIGN = Alignment(15)
MARGIN = 0.2
LABEL_PX = 256
RATE = 0.01

Pixels = NDArray[np.uint8]


def moved(image: Pixels, motion: tuple[float, float, float]) -> Pixels:
    """An image shifted by pixels and turned clockwise about its middle, borders repeated."""
    right, down, degrees = motion
    height, width = image.shape[:2]
    reach = round(0.5 * max(height, width))
    around = ((reach, reach), (reach, reach)) + ((0, 0),) * (image.ndim - 2)
    canvas = Image.fromarray(np.pad(image, around, mode="edge"))
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    middle_x, middle_y = canvas.width / 2, canvas.height / 2
    back = [cos, sin, 0.0, -sin, cos, 0.0]
    back[2] = middle_x - cos * (middle_x + right) - sin * (middle_y + down)
    back[5] = middle_y + sin * (middle_x + right) - cos * (middle_y + down)
    resample = Image.Resampling.BICUBIC if image.ndim == 3 else Image.Resampling.NEAREST
    turned = np.asarray(canvas.transform(canvas.size, Image.Transform.AFFINE, back, resample))
    return np.ascontiguousarray(turned[reach : reach + height, reach : reach + width])


def motions(
    count: int, seed: int, side_px: int, *, shift: float = SHIFT, degrees: float = DEGREES
) -> list[tuple[float, float, float]]:
    """Shifts in pixels and degrees, evenly distributed."""
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(-1, 1, (count, 3)) * (shift * side_px, shift * side_px, degrees)
    return [(right, down, turn) for right, down, turn in drawn.tolist()]


def written(folder: Path, *, margin: float, seed: int | None) -> Dataset:
    """The bottles with a margin, those of the tests moved unless there is no seed."""
    samples = blemish.open_dataset(BOTTLE).samples
    side = 320
    pad = round(margin * side)
    ways = motions(len(samples), seed or 0, side)
    for sample, way in zip(samples, ways, strict=True):
        image = np.pad(sample.read(), ((pad, pad), (pad, pad), (0, 0)), mode="edge")
        mask = sample.read_mask((side, side))
        mask = np.pad(np.asarray(mask, np.uint8) * 255, pad)
        if sample.split == "test" and seed is not None:
            image, mask = moved(image, way), moved_mask(mask, way)
        stem, kind = Path(sample.id).stem, sample.defect_type
        save(folder / sample.split / kind / f"{stem}.png", image)
        if sample.split == "test" and kind != "good":
            save(folder / "ground_truth" / kind / f"{stem}_mask.png", mask)
    return blemish.open_dataset(folder)


def moved_mask(mask: Pixels, motion: tuple[float, float, float]) -> Pixels:
    """A mask moved; nothing comes in at the border."""
    around = np.pad(mask, 1)
    return np.where(moved(around, motion)[1:-1, 1:-1] > 127, 255, 0).astype(np.uint8)


def save(path: Path, pixels: Pixels) -> None:
    """Write an image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, compress_level=1)


def measured(model: Model, dataset: Dataset) -> dict[str, Any]:
    """Figures, and how the good images of the tests were judged."""
    found = blemish.evaluate(model, dataset)
    said = list(model.predict_each(dataset.test))
    labels = [sample.defect_type for sample in dataset.test]
    unaligned = [any(note.code == "alignment" for note in one.notes) for one in said]
    good = [label == "good" for label in labels]
    return {
        "image_auroc": found.image["auroc"],
        "pixel_auroc": found.pixel["auroc"],
        "good_images": sum(good),
        "good_rejected": sum(
            g and one.verdict != "good" for g, one in zip(good, said, strict=True)
        ),
        "good_not_inspectable": sum(g and u for g, u in zip(good, unaligned, strict=True)),
        "not_inspectable": sum(unaligned),
    }


def figures(record: DayRecord) -> None:
    """Moved bottles and unmoved ones, with and without alignment."""
    for kind, margin, detector in (
        ("cut", 0.0, blemish.PatchCore),
        ("whole", MARGIN, blemish.PatchCore),
    ):
        cases = [
            {"figures": kind, "detector": detector.name, "align": align is not None, "seed": seed}
            for align in (None, ALIGN)
            for seed in (None, *range(SEEDS))
        ]
        if all(record.holds(case) for case in cases):
            continue
        with tempfile.TemporaryDirectory() as folder:
            for align in (None, ALIGN):
                still = written(Path(folder) / "still", margin=margin, seed=None)
                start = time.perf_counter()
                model = blemish.fit(still, detector(), align=align, progress=LoggedProgress())
                took = time.perf_counter() - start
                for seed in (None, *range(SEEDS)):
                    case = {"figures": kind, "detector": detector.name}
                    case |= {"align": align is not None, "seed": seed}
                    if record.holds(case):
                        continue
                    dataset = still
                    if seed is not None:
                        dataset = written(Path(folder) / f"{seed}", margin=margin, seed=seed)
                    more = {"fit_seconds": took, "model_bytes": model.size_bytes}
                    record.add(case | measured(model, dataset) | more)


def label(seed: int, motion: tuple[float, float, float, float], *, other: bool = False) -> Pixels:
    """A label on a belt, drawn at twice its size; light and noise vary."""
    rng = np.random.default_rng(seed)
    side = 2 * LABEL_PX
    card = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    draw = ImageDraw.Draw(card)
    left, right = side // 4, 3 * side // 4
    draw.rectangle([left, 0.32 * side, right, 0.68 * side], fill=(225, 222, 210, 255))
    if other:
        draw.ellipse([left + 20, 0.36 * side, left + 150, 0.62 * side], fill=(30, 120, 60, 255))
        draw.rectangle([right - 60, 0.34 * side, right - 20, 0.66 * side], fill=(20, 20, 20, 255))
    else:
        draw.rectangle([left + 16, 0.35 * side, left + 90, 0.5 * side], fill=(180, 40, 40, 255))
        for line in range(6):
            top = (0.36 + 0.045 * line) * side
            end = right - 20 - line * 37 % 60
            draw.rectangle([left + 110, top, end, top + 8], fill=(40, 40, 60, 255))
        draw.ellipse([right - 70, 0.55 * side, right - 20, 0.55 * side + 50], fill=(30, 90, 160))
    shift_right, shift_down, degrees, scale = motion
    cos, sin = np.cos(np.radians(degrees)) / scale, np.sin(np.radians(degrees)) / scale
    middle = side / 2
    x, y = middle + 2 * shift_right, middle + 2 * shift_down
    back = (cos, sin, middle - cos * x - sin * y, -sin, cos, middle + sin * x - cos * y)
    card = card.transform(card.size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR)
    return lit(rng, card)


def lit(rng: np.random.Generator, card: Image.Image | None) -> Pixels:
    """A belt, with a card on it or none."""
    side = 2 * LABEL_PX
    grain = np.full((side, side, 3), 70.0) + rng.normal(0, 6, (side, side, 1))
    belt = Image.fromarray(grain.clip(0, 255).astype(np.uint8)).convert("RGBA")
    if card is not None:
        belt.alpha_composite(card)
    small = belt.convert("RGB").resize((LABEL_PX, LABEL_PX), Image.Resampling.BOX)
    rows, columns = np.indices((LABEL_PX, LABEL_PX)) / LABEL_PX - 0.5
    slope_x, slope_y = rng.uniform(-0.1, 0.1, 2)
    light = rng.uniform(0.9, 1.1) * (1 + slope_x * columns + slope_y * rows)
    noisy = np.asarray(small) * light[:, :, None] + rng.normal(0, 2, (LABEL_PX, LABEL_PX, 3))
    levels: Pixels = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return levels


def written_labels(folder: Path, count: int) -> Dataset:
    """Labels that lie nearly alike, for a fit."""
    rng = np.random.default_rng(0)
    for number in range(count):
        way = rng.uniform(-1, 1, 3) * (2, 2, 1)
        image = label(number, (*way.tolist(), 1.0))
        save(folder / "train" / "good" / f"{number:03}.png", image)
    save(folder / "test" / "good" / "000.png", label(count, (0, 0, 0, 1)))
    return blemish.open_dataset(folder)


def finding(dataset: Dataset, align: Alignment) -> Session:
    """The nodes that align images as they would be for a fit."""
    view = aligned_images(GoodImages(dataset.train), align, progress=LoggedProgress())
    return Session(view.aligner.graph().SerializeToString())


def motion_in(session: Session, image: Pixels) -> Motion:
    """How a part lies."""
    return Motion.of_output(session.run(["alignment"], image=image[None])[0][0])


def known_motions(record: DayRecord) -> None:
    """How far off what is found is: of bottles beside what is found unmoved, of labels exactly."""
    if not record.holds({"known": "bottle"}):
        dataset = blemish.open_dataset(BOTTLE)
        session = finding(dataset, ALIGN)
        for kind in ("bottle", "bottle, good ones"):
            samples = [s for s in dataset.test if kind == "bottle" or s.defect_type == "good"]
            errors = []
            for sample, way in zip(samples, motions(len(samples), 0, 320), strict=True):
                before = motion_in(session, sample.read())
                after = motion_in(session, moved(sample.read(), way))
                cos, sin = np.cos(np.radians(way[2])), np.sin(np.radians(way[2]))
                x, y = before.shift_xy_px
                expected = cos * x - sin * y + way[0], sin * x + cos * y + way[1]
                gap = np.hypot(*np.subtract(after.shift_xy_px, expected))
                errors.append((gap, abs(after.degrees - before.degrees - way[2]), after.agreement))
            record.add({"known": kind, "side_px": 320} | spread(errors))
    for align in (Alignment(30), Alignment(180), Alignment(30, scale=True)):
        if record.holds({"known": "label", "align": str(align)}):
            continue
        with tempfile.TemporaryDirectory() as folder:
            session = finding(written_labels(Path(folder), 30), align)
        rng = np.random.default_rng(1)
        errors, scales = [], []
        fit_reference = motion_in(session, label(0, (0, 0, 0, 1)))
        for number in range(200):
            right, down = rng.uniform(-SHIFT, SHIFT, 2) * LABEL_PX
            degrees = rng.uniform(-0.95, 0.95) * align.degrees
            scale = rng.uniform(0.9, 1.1) if align.scale else 1.0
            found = motion_in(session, label(1000 + number, (right, down, degrees, scale)))
            expected, turned = beside((right, down, degrees, scale), fit_reference)
            gap = np.hypot(*np.subtract(found.shift_xy_px, expected))
            off = abs((found.degrees - turned + 180) % 360 - 180)
            errors.append((gap, off, found.agreement))
            scales.append(abs(found.scale / fit_reference.scale - scale))
        row = {"known": "label", "align": str(align), "side_px": LABEL_PX} | spread(errors)
        record.add(row | {"scale_off_median": statistics.median(scales)})


def beside(
    way: tuple[float, float, float, float], reference: Motion
) -> tuple[tuple[float, float], float]:
    """Where a label lies beside the reference, which does not lie in the middle itself."""
    right, down, degrees, scale = way
    cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    x, y = reference.shift_xy_px
    return (right + cos * x - sin * y, down + sin * x + cos * y), degrees + reference.degrees


def spread(errors: list[tuple[float, float, float]]) -> dict[str, float]:
    """What there is to say of shifts in pixels, turns in degrees, and agreements."""
    shifts, turns, agreements = np.array(errors).T
    return {
        "images": len(errors),
        "shift_off_px_median": float(np.median(shifts)),
        "shift_off_px_95": float(np.quantile(shifts, 0.95)),
        "shift_off_px_most": float(shifts.max()),
        "turn_off_degrees_median": float(np.median(turns)),
        "turn_off_degrees_95": float(np.quantile(turns, 0.95)),
        "turn_off_degrees_most": float(turns.max()),
        "agreement_least": float(agreements.min()),
    }


def times(record: DayRecord) -> None:
    """Milliseconds of an image of 256 x 256 with and without, in turns."""
    if record.holds({"time": "one image"}):
        return
    with tempfile.TemporaryDirectory() as folder:
        for sample in blemish.open_dataset(BOTTLE).samples:
            small = Image.fromarray(sample.read()).resize((256, 256), Image.Resampling.BOX)
            name = f"{Path(sample.id).stem}.png"
            save(Path(folder) / sample.split / sample.defect_type / name, np.asarray(small))
        dataset = blemish.open_dataset(folder)
        models = {
            align: blemish.fit(dataset, blemish.PatchCore(), align=align, progress=LoggedProgress())
            for align in (None, ALIGN, Alignment(180))
        }
        image = dataset.test[0].read()[None]
        for threads in (1, 2):
            engine = Engine(threads=threads)
            sessions = {key: Session(m.to_bytes(), engine) for key, m in models.items()}
            took: dict[Alignment | None, list[float]] = {key: [] for key in models}
            used: dict[Alignment | None, list[float]] = {key: [] for key in models}
            for turn in range(110):
                for key, session in sessions.items():
                    start, begun = time.perf_counter(), time.process_time()
                    session.run(["score", "score_map"], image=image)
                    if turn >= 10:
                        used[key].append(1e3 * (time.process_time() - begun))
                        took[key].append(1e3 * (time.perf_counter() - start))
            for key, values in took.items():
                record.add(
                    {
                        "time": "one image",
                        "threads": threads,
                        "align": key and str(key),
                        "ms_median": statistics.median(values),
                        "ms_least": min(values),
                        "cpu_ms_median": statistics.median(used[key]),
                        "more_ms_median": statistics.median(
                            a - b for a, b in zip(values, took[None], strict=True)
                        ),
                        "more_ms_least": min(values) - min(took[None]),
                        "more_cpu_ms_median": statistics.median(used[key])
                        - statistics.median(used[None]),
                        "model_bytes": models[key].size_bytes,
                    }
                )


def limits(record: DayRecord) -> None:
    """How many good parts that a limit was not set by are below it."""
    if record.holds({"limit": "bottle"}):
        return
    dataset = blemish.open_dataset(BOTTLE)
    below = new = 0
    for seed in range(2):
        order = np.random.default_rng(seed).permutation(len(dataset.train))
        half = GoodImages([dataset.train[n] for n in order[:104]])
        view = aligned_images(half, ALIGN, progress=LoggedProgress())
        limit = view.limit(RATE / 2)
        session = Session(view.aligner.graph().SerializeToString())
        others = [dataset.train[n].read() for n in order[104:]]
        ways = motions(len(others), seed, 320)
        found = [motion_in(session, image).agreement for image in others]
        far = [motion_in(session, moved(i, w)).agreement for i, w in zip(others, ways, strict=True)]
        below += sum(agreement < limit.limit for agreement in found)
        new += len(others)
        record.add(
            {
                "limit": "bottle",
                "seed": seed,
                "value": limit.limit,
                "promised": limit.rate,
                "images": len(others),
                "below": sum(agreement < limit.limit for agreement in found),
                "below_the_rank_alone": sum(a < limit.agreements[0] for a in found),
                "moved_below": sum(agreement < limit.limit for agreement in far),
                "least": min(found),
                "moved_least": min(far),
            }
        )


def other_things(dataset: Dataset) -> Iterator[tuple[str, Pixels]]:
    """What is not the label, at its size."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        yield "empty belt", lit(rng, None)
        yield (
            "another label",
            label(seed, (*rng.uniform(-20, 20, 2).tolist(), 3.0, 1.0), other=True),
        )
        yield "turned by 60 to 120 degrees", label(seed, (0.0, 0.0, rng.uniform(60, 120), 1.0))
        yield "shifted by 40 to 50 %", label(seed, (rng.uniform(0.4, 0.5) * 256, 0.0, 0.0, 1.0))
        yield "flat", np.full((LABEL_PX, LABEL_PX, 3), 12 * seed, np.uint8)
        bottle = Image.fromarray(dataset.test[seed].read())
        yield "a bottle", np.asarray(bottle.resize((LABEL_PX, LABEL_PX)))
        yield "a label, shifted and turned", label(seed, (20.0, -15.0, rng.uniform(-9, 9), 1.0))


def others(record: DayRecord) -> None:
    """Whether a model says of what is not its part that it cannot be inspected."""
    if record.holds({"other": "empty belt"}):
        return
    bottles = blemish.open_dataset(BOTTLE)
    with tempfile.TemporaryDirectory() as folder:
        dataset = written_labels(Path(folder), 60)
        model = blemish.fit(dataset, blemish.PatchCore(), align=ALIGN, progress=LoggedProgress())
    found: dict[str, list[tuple[float, bool, bool]]] = {}
    for kind, image in other_things(bottles):
        said = model.predict(image)
        refused = any(note.code == "alignment" for note in said.notes)
        assert said.motion is not None
        row = said.motion.agreement, refused, said.verdict == "good"
        found.setdefault(kind, []).append(row)
    for kind, rows in found.items():
        agreements, refused_all, good = zip(*rows, strict=True)
        record.add(
            {
                "other": kind,
                "images": len(rows),
                "not_inspectable": sum(refused_all),
                "good": sum(good),
                "agreement_most": max(agreements),
                "agreement_least": min(agreements),
                "limit": model.alignment.limit if model.alignment else None,
            }
        )


def main() -> None:
    """Measure what the day's record does not hold."""
    record = DayRecord("align")
    others(record)
    figures(record)
    known_motions(record)
    limits(record)
    times(record)
    print(json.dumps({"rows": len(record.rows)}))


if __name__ == "__main__":
    main()
