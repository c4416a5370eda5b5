"""`blemish fit`: from a folder of good images to a model file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blemish.cli import console, outputs
from blemish.cli.bars import TerminalProgress
from blemish.cli.cluster import check_address, workers_of
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
    Force,
    Good,
    Ignore,
    MaxPixels,
    OnAlpha,
    OnEngine,
    Provider,
    Raw,
    RayAddress,
    RegionRate,
    Roi,
    SmallestRegion,
    SplitSeed,
    Tail,
    TestFraction,
    Threads,
    WorkEngine,
    ZonesFile,
    raw_arguments,
    read_align,
    read_raw,
    read_zones,
    reader_of,
    use_threads,
)
from blemish.cli.steps import extras_facts
from blemish.cli.thresholds import suspicious_facts, threshold_facts
from blemish.unfinished import is_kept, take_away
from blemish.wording import bytes_text, seconds_text

if TYPE_CHECKING:
    from blemish.model.model import Model

Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="MODEL.onnx", help="Model file to write.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a fit that was interrupted.")]
Thumbnails = Annotated[
    int | None,
    typer.Option(
        metavar="PX",
        min=16,
        max=1024,
        help="Keep training images of this side in the file, for predict --evidence.",
    ),
]
DropSuspicious = Annotated[
    bool,
    typer.Option(
        "--drop-suspicious", help="Fit again without training images that stand out, if any."
    ),
]


def fit(
    ctx: typer.Context,
    data: Data,
    output: Output,
    *,
    detector: Detector = "patchcore",
    category: Category = None,
    assignments: Assignments = None,
    config: Config = None,
    false_alarm_rate: FalseAlarmRate = None,
    region_rate: RegionRate = None,
    tail: Tail = False,
    drop_suspicious: DropSuspicious = False,
    smallest_region: SmallestRegion = None,
    thumbnails: Thumbnails = None,
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
    provider: Provider = "cpu",
    engine: OnEngine = WorkEngine.LOCAL,
    ray_address: RayAddress = None,
    resume: Resume = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Learn from good images, set thresholds, write one model file.

    Only the good training images of DATA are looked at. A long training is kept as it goes, in a
    folder beside MODEL.onnx; the same command with --resume goes on from there.

    With --engine ray the machines of a cluster read the images and work on the shards of a fit of
    patchcore (--set shards=8); the file is that of this machine alone, whoever works on which.
    """
    use_threads(threads)
    settings = read_settings(ctx, config, assignments, detectors=[detector])
    import blemish
    from blemish.calibration import SMALLEST_REGION_PX
    from blemish.data.loading import GoodImages
    from blemish.detectors.assigned import make_assigned
    from blemish.graph.engine import Engine
    from blemish.model.fitting import shared
    from blemish.model.framing import alignment_bytes, zoned_images
    from blemish.records.machine import peak_memory_bytes
    from blemish.workers import HERE

    runtime, raw_format = Engine.named(provider), read_raw(raw)
    runtime.check()
    chosen, inspected = make_assigned(detector, settings), read_zones(zones, roi)
    aligned = read_align(align)
    check_address(engine, ray_address)
    if engine == WorkEngine.RAY:
        shared(chosen, HERE)  # told before anything is begun
    named = (getattr(chosen.settings, name) for name in chosen.settings.names_of_files())
    sources = [Path(source) for source in (data, config, zones, *named) if source]
    if resume and not force:
        outputs.check_not_done(output)
    outputs.check_file(output, force=force, sources=sources)
    unfinished = outputs.check_unfinished(output, resume=resume)
    choice = DataChoice(data, category, test_fraction, split_seed, good, ignore, defect, raw_format)
    dataset = choice.open()
    for sentence in dataset.notes:
        console.note(sentence)
    reader = reader_of(max_pixels, alpha, raw_format)
    images = GoodImages(dataset.train, reader)
    seen = images if inspected is None else zoned_images(images, chosen, inspected)
    planned = chosen.plan(seen)
    more = 0 if aligned is None else alignment_bytes(images, aligned)
    outputs.check_space(output, planned.model_bytes + more)
    start = perf_counter()
    guess = planned.takes_long and engine == WorkEngine.LOCAL
    guessed = chosen.estimate_seconds(seen) if guess else {}
    readable = [sample.path for sample in dataset.train[:1]]
    with (
        _told_how_to_go_on(ctx, unfinished, resume=resume),
        workers_of(engine, ray_address, readable=readable) as workers,
    ):
        model = blemish.fit(
            dataset,
            chosen,
            false_alarm_rate=false_alarm_rate,
            region_rate=region_rate,
            tail=tail,
            drop_suspicious=drop_suspicious,
            smallest_region_px=smallest_region or SMALLEST_REGION_PX,
            reader=reader,
            progress=TerminalProgress(guessed=guessed),
            folder=unfinished,
            engine=runtime,
            workers=workers,
            zones=inspected,
            thumbnails_px=thumbnails,
            align=aligned,
        )
    model.save(output, force=force)
    take_away(unfinished)
    seconds, peak_bytes = perf_counter() - start, peak_memory_bytes()
    if as_json:
        console.write_json(_result(model, output, seconds, peak_bytes))
    else:
        console.write_facts(_facts(model, output, seconds, peak_bytes))
    same_data = choice.arguments(max_pixels)
    steps = [["evaluate", output, *same_data]] if dataset.test else []
    console.next_steps(["predict", output, "IMAGE...", *raw_arguments(raw_format)], *steps)


@contextmanager
def _told_how_to_go_on(ctx: typer.Context, unfinished: Path, *, resume: bool) -> Iterator[None]:
    """Let a user who interrupts a training know what is kept of it."""
    try:
        yield
    except KeyboardInterrupt:
        if is_kept(unfinished):
            console.note(f"What was trained is kept in '{unfinished}'.")
            again = typed(ctx) if resume else with_option(typed(ctx), "--resume")
            console.next_steps(["fit", *again])
        raise


def _result(model: Model, path: Path, seconds: float, peak_bytes: int | None) -> dict[str, Any]:
    facts = model.facts.to_dict()
    training, detector = facts["training"], facts["detector"]
    return {
        "path": str(path),
        "sha256": model.sha256,
        "bytes": path.stat().st_size,
        "detector": model.detector,
        "dataset": training["dataset"],
        "images": len(training["images"]),
        "sources": detector["sources"],
        "details": detector["details"],
        "calibration": model.calibration.to_dict(),
        "suspicious": training["suspicious"],
        "dropped": training["dropped"],
        "seconds": seconds,
        "peak_memory_bytes": peak_bytes,
    }


def _facts(
    model: Model, path: Path, seconds: float, peak_bytes: int | None
) -> Iterator[tuple[str, str | None]]:
    yield "model", f"{path}, {bytes_text(path.stat().st_size)}"
    yield "sha256", model.sha256
    yield from model.facts.detector.told
    yield from extras_facts(model.extras)
    yield from threshold_facts(model.calibration.stated())
    yield from suspicious_facts(model.facts.training)
    yield "time", seconds_text(seconds)
    yield "peak memory", None if peak_bytes is None else bytes_text(peak_bytes)
