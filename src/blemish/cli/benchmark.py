"""`blemish benchmark`: fit and measure detectors on categories, a record a job, resumable."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blemish.cli import console
from blemish.cli.bars import TerminalProgress
from blemish.cli.cluster import check_address
from blemish.cli.command import FAILED
from blemish.cli.detector_settings import read_settings
from blemish.cli.options import (
    Align,
    Alpha,
    AsJson,
    Assignments,
    Config,
    Defect,
    FalseAlarmRate,
    Good,
    Ignore,
    MaxPixels,
    OnAlpha,
    OnEngine,
    Raw,
    RayAddress,
    Roi,
    SmallestRegion,
    TestFraction,
    WorkEngine,
    ZonesFile,
    read_limits,
    read_list,
    zones_named,
)
from blemish.errors import UsageError
from blemish.wording import first_few

if TYPE_CHECKING:
    from blemish.benchmark.crew import Crew

Datas = Annotated[
    list[Path],
    typer.Argument(metavar="DATA", help="Folders or manifests of images.", show_default=False),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for records and report.")
]
Detectors = Annotated[str, typer.Option(metavar="A,B", help="Which detectors.")]
Categories = Annotated[
    str | None, typer.Option(metavar="A,B", help="Which categories (default: all in DATA).")
]
Seeds = Annotated[str, typer.Option(metavar="0,1,2", help="Seeds of the detectors.")]
Workers = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Jobs at a time on a machine, sharing its cores."),
]
MOST_SHOWN = 5
LEFT_OUT_OF_JSON = ("images", "curves", "draws", "examples")


def benchmark(
    ctx: typer.Context,
    data: Datas,
    output: Output,
    *,
    detectors: Detectors = "patchcore",
    categories: Categories = None,
    seeds: Seeds = "0",
    workers: Workers = 1,
    engine: OnEngine = WorkEngine.LOCAL,
    ray_address: RayAddress = None,
    assignments: Assignments = None,
    config: Config = None,
    false_alarm_rate: FalseAlarmRate = None,
    smallest_region: SmallestRegion = None,
    alpha: Alpha = OnAlpha.REFUSE,
    good: Good = None,
    ignore: Ignore = None,
    defect: Defect = None,
    test_fraction: TestFraction = None,
    max_pixels: MaxPixels = None,
    raw: Raw = None,
    zones: ZonesFile = None,
    roi: Roi = None,
    align: Align = None,
    as_json: AsJson = False,
) -> None:
    """Fit and measure detectors on categories, and write a report.

    Jobs that DIR has a record of are not done again: the same command goes on after an
    interruption, with either engine. Exit code 1: a job failed.

    With --engine ray every job gets as many cores, the part of the machine of the cluster that has
    fewest, and is begun where these are free, and the memory and GPU that its detector asks for.
    All machines need the same versions, and see DATA and DIR. Jobs of a machine that is lost go on
    elsewhere; those that no machine has room for are given up after a minute.
    """
    named = read_list(detectors) or []
    settings = read_settings(ctx, config, assignments, detectors=named)
    from blemish.benchmark.plan import plan_jobs
    from blemish.benchmark.run import run_jobs
    from blemish.calibration import SMALLEST_REGION_PX
    from blemish.data.layouts.found import Names
    from blemish.data.layouts.registry import not_categories_in
    from blemish.records.folder import read_records
    from blemish.records.record import FailedRecord
    from blemish.report.comparison import comparisons
    from blemish.report.page import write_report
    from blemish.report.plain import render_text
    from blemish.report.tables import brief_table

    for folder in () if categories else data:
        if others := not_categories_in(folder, Names.of(good or (), ignore or (), defect or ())):
            names = first_few([other.name for other in others], MOST_SHOWN)
            console.note(f"No categories in '{folder}', passed over: {names}.")
    request: dict[str, Any] = {
        "detectors": named,
        "categories": read_list(categories),
        "seeds": _read_seeds(seeds),
        "settings": settings,
        "false_alarm_rate": false_alarm_rate,
        "smallest_region_px": smallest_region or SMALLEST_REGION_PX,
        "alpha": alpha.value,
        "test_fraction": test_fraction,
        "max_pixels": read_limits(max_pixels).max_pixels,
        "good": tuple(good or ()),
        "ignore": tuple(ignore or ()),
        "defect": tuple(defect or ()),
        "raw": raw,
        "zones": zones_named(zones, roi),
        "align": align,
    }
    with _crew(engine, ray_address, workers) as crew:
        jobs = plan_jobs(data, **request)
        try:
            records = run_jobs(jobs, output, crew=crew, progress=TerminalProgress())
        except KeyboardInterrupt:
            console.note("What is done stays done; the same command goes on from there.")
            raise
    if as_json:
        console.write_json([_without(record.to_dict(), LEFT_OUT_OF_JSON) for record in records])
    else:
        console.write(render_text(brief_table(records)))
        for comparison in comparisons(records):
            console.write(f"\n{comparison.table.title}\n")
            for sentence in comparison.told:
                console.write(console.filled(sentence, stream=sys.stdout) + "\n")
    files = write_report(output, read_records(output))
    console.say(f"report: {files.html}")
    if any(isinstance(record, FailedRecord) for record in records):
        raise typer.Exit(FAILED)


@contextmanager
def _crew(engine: WorkEngine, address: str | None, workers: int) -> Iterator[Crew]:
    """Who does the jobs; a cluster that cannot be reached is told before any image is read."""
    check_address(engine, address)
    if engine is WorkEngine.LOCAL:
        from blemish.benchmark.processes import Processes

        yield Processes(workers)
        return
    from blemish.benchmark.on_ray import OnRay
    from blemish.cluster.connect import connected

    with connected(address) as ray:
        yield OnRay(ray, workers)


def _read_seeds(text: str) -> list[int]:
    try:
        return [int(seed) for seed in read_list(text) or []]
    except ValueError as error:
        raise UsageError(f"'--seeds' must be like 0,1,2; got '{text}'.") from error


def _without(record: dict[str, object], names: tuple[str, ...]) -> dict[str, object]:
    return {name: value for name, value in record.items() if name not in names}
