"""`blemish plan`: what a fit will take, before it starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from blemish.cli import console
from blemish.cli.bars import TerminalProgress
from blemish.cli.command import typed, with_option
from blemish.cli.detector_settings import read_settings
from blemish.cli.options import (
    Align,
    Alpha,
    AsJson,
    Assignments,
    Category,
    Config,
    Data,
    DataChoice,
    Defect,
    Detector,
    FalseAlarmRate,
    Good,
    Ignore,
    MaxPixels,
    OnAlpha,
    OnEngine,
    Raw,
    RegionRate,
    Roi,
    SplitSeed,
    Tail,
    TestFraction,
    Threads,
    WorkEngine,
    ZonesFile,
    read_align,
    read_raw,
    read_zones,
    reader_of,
    use_threads,
)
from blemish.wording import bytes_text, rate_text, seconds_text

if TYPE_CHECKING:
    from blemish.detectors.contract import FitPlan


def plan(
    ctx: typer.Context,
    data: Data,
    *,
    detector: Detector = "patchcore",
    category: Category = None,
    assignments: Assignments = None,
    config: Config = None,
    false_alarm_rate: FalseAlarmRate = None,
    region_rate: RegionRate = None,
    tail: Tail = False,
    alpha: Alpha = OnAlpha.REFUSE,
    good: Good = None,
    ignore: Ignore = None,
    defect: Defect = None,
    test_fraction: TestFraction = None,
    split_seed: SplitSeed = 0,
    max_pixels: MaxPixels = None,
    raw: Raw = None,
    zones: ZonesFile = None,
    roi: Roi = None,
    align: Align = None,
    threads: Threads = None,
    engine: OnEngine = WorkEngine.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Say what a fit will take: memory, disk, time, bank size.

    Takes the options of `blemish fit` that decide it, or whether the rates can be had; reads each
    image once, since copies count as one, and fits nothing. With --engine ray it is the memory of
    a worker and at the driver that counts; time is told as if this machine did it all.
    """
    use_threads(threads)
    settings = read_settings(ctx, config, assignments, detectors=[detector])
    from blemish.calibration import CalibrationRequest, lowest_rate
    from blemish.data.loading import GoodImages
    from blemish.detectors.assigned import make_assigned
    from blemish.model.fitting import shared
    from blemish.model.framing import alignment_bytes, zoned_images
    from blemish.model.promise import check_promise
    from blemish.workers import HERE

    chosen, raw_format = make_assigned(detector, settings), read_raw(raw)
    if engine == WorkEngine.RAY:
        chosen = shared(chosen, HERE)
    choice = DataChoice(data, category, test_fraction, split_seed, good, ignore, defect, raw_format)
    dataset = choice.open()
    request = CalibrationRequest(false_alarm_rate, region_rate, tail=tail)
    images = GoodImages(dataset.train, reader_of(max_pixels, alpha, raw_format))
    inspected, aligned = read_zones(zones, roi), read_align(align)
    more = 0 if aligned is None else alignment_bytes(images, aligned)
    images.contents(progress=TerminalProgress())
    seen = images if inspected is None else zoned_images(images, chosen, inspected)
    count = check_promise(
        dataset.name, seen.split_keys, request, detector=chosen, aligned=aligned is not None
    )
    lowest = lowest_rate(count)
    planned, seconds = chosen.plan(seen), chosen.estimate_seconds(seen)
    notes = [*dataset.notes, *planned.notes()]
    if as_json:
        found = {"dataset": dataset.name} | planned.to_dict()
        found["lowest_false_alarm_rate"] = lowest
        found["estimated_seconds"] = seconds | {"total": sum(seconds.values())}
        if aligned is not None:
            found["alignment_bytes"] = more
        console.write_json(found | {"notes": notes})
    else:
        console.write_facts(_facts(dataset.name, planned, seconds, lowest, more))
    for sentence in notes:
        console.note(sentence)
    console.next_steps(["fit", *with_option(typed(ctx), "-o", Path(f"{dataset.name}.onnx"))])


def _facts(
    name: str, plan: FitPlan, seconds: Mapping[str, float], lowest_rate: float, more_bytes: int
) -> Iterator[tuple[str, str]]:
    yield "data set", f"{name}, {plan.images:,} good images to learn from"
    yield from plan.told()
    if more_bytes:
        yield (
            "alignment",
            f"{bytes_text(more_bytes)} more in the file; images read once more",
        )
    yield "memory", f"at most {bytes_text(plan.memory_bytes)}"
    yield "disk", bytes_text(plan.disk_bytes) if plan.disk_bytes else "none"
    total = seconds_text(sum(seconds.values()))
    yield "time", f"about {total}, a guess from a short measurement:"
    yield "", ", ".join(f"{name} {seconds_text(took)}" for name, took in seconds.items())
    yield "false-alarm rate", f"{rate_text(lowest_rate)} or more can be promised"
