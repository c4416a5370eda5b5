"""`blemish plan`: what a fit will take, before it starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from blemish.cli import console
from blemish.cli.command import typed, with_output
from blemish.cli.options import (
    Alpha,
    AsJson,
    Assignments,
    Backbone,
    Category,
    Config,
    Data,
    Detector,
    FalseAlarmRate,
    ImageSize,
    Levels,
    MaxPixels,
    Memory,
    OnAlpha,
    Resize,
    Seed,
    SplitSeed,
    TestFraction,
    Threads,
    Weights,
    read_image_size,
    read_limits,
    read_megabytes,
    read_settings,
    use_threads,
)
from blemish.errors import UsageError
from blemish.report.cells import bytes_text, rate_text, seconds_text

if TYPE_CHECKING:
    from blemish.detectors.patchcore_plan import FitPlan
    from blemish.detectors.patchcore_time import FitSeconds


def plan(
    ctx: typer.Context,
    data: Data,
    *,
    detector: Detector = "patchcore",
    category: Category = None,
    backbone: Backbone = None,
    levels: Levels = None,
    weights: Weights = None,
    image_size: ImageSize = None,
    resize: Resize = None,
    assignments: Assignments = None,
    config: Config = None,
    seed: Seed = None,
    false_alarm_rate: FalseAlarmRate = None,
    memory: Memory = None,
    alpha: Alpha = OnAlpha.REFUSE,
    test_fraction: TestFraction = None,
    split_seed: SplitSeed = 0,
    max_pixels: MaxPixels = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Say what a fit will take: memory, disk, time, bank size.

    Takes the options of `blemish fit`, and fits nothing.
    """
    use_threads(threads)
    settings = read_settings(
        config,
        assignments,
        backbone=backbone,
        levels=levels,
        weights=weights,
        image_size=read_image_size(image_size),
        fit=resize,
        seed=seed,
        memory_megabytes=read_megabytes(memory),
    )
    import blemish
    from blemish.calibration import Asked, lowest_rate
    from blemish.data.loading import GoodPictures
    from blemish.detectors.base import make_detector
    from blemish.detectors.patchcore import PatchCore
    from blemish.detectors.patchcore_time import estimate_seconds
    from blemish.fitting import check_promise

    chosen = make_detector(detector, settings)
    if not isinstance(chosen, PatchCore):
        raise UsageError(f"A fit of '{detector}' cannot be planned; only one of patchcore can.")
    dataset = blemish.open_dataset(
        data, category=category, seed=split_seed, test_fraction=test_fraction
    )
    lowest = lowest_rate(check_promise(dataset, Asked(false_alarm_rate)))
    images = GoodPictures(dataset.train, alpha=alpha.value, limits=read_limits(max_pixels))
    planned = chosen.plan(images.sizes_hw)
    seconds = estimate_seconds(chosen, images, planned)
    notes = [*dataset.notes, *planned.notes()]
    if as_json:
        found = {"dataset": dataset.name} | planned.to_dict()
        found |= {"lowest_false_alarm_rate": lowest, "estimated_seconds": seconds.to_dict()}
        console.write_json(found | {"notes": notes})
    else:
        console.write_facts(_facts(dataset.name, planned, seconds, lowest))
    for sentence in notes:
        console.note(sentence)
    console.next_steps(["fit", *with_output(typed(ctx), Path(f"{dataset.name}.onnx"))])


def _facts(
    name: str, plan: FitPlan, seconds: FitSeconds, lowest_rate: float
) -> Iterator[tuple[str, str]]:
    disk = bytes_text(plan.disk_bytes) if plan.disk_bytes else "none"
    yield "data set", f"{name}, {plan.pictures:,} good pictures to learn from"
    yield "patches", f"{plan.patches:,} of {plan.dimensions} dimensions"
    yield "memory bank", f"{plan.bank_vectors:,} vectors, {bytes_text(plan.bank_bytes)}"
    yield "memory", f"at most {bytes_text(plan.memory_bytes)}"
    yield "disk", disk
    yield "time", f"about {seconds_text(seconds.total)}, a guess from a short measurement:"
    stages = seconds.to_dict()
    stages.pop("total")
    yield "", ", ".join(f"{name} {seconds_text(took)}" for name, took in stages.items())
    yield "false-alarm rate", f"{rate_text(lowest_rate)} or more can be promised"
