"""`blemish calibrate`: other thresholds for a model that is fitted already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blemish.cli import console, outputs
from blemish.cli.bars import TerminalProgress
from blemish.cli.command import typed, with_option
from blemish.cli.options import (
    AsJson,
    Category,
    Data,
    FalseAlarmRate,
    Force,
    MaxPixels,
    ModelFile,
    SmallestRegion,
    Threads,
    read_limits,
    use_threads,
)
from blemish.cli.thresholds import threshold_facts

if TYPE_CHECKING:
    from blemish.model import Model

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="NEW.onnx", help="Model file to write (default: none)."),
]


def calibrate(
    ctx: typer.Context,
    model: ModelFile,
    data: Data,
    *,
    output: Output = None,
    category: Category = None,
    false_alarm_rate: FalseAlarmRate = None,
    smallest_region: SmallestRegion = None,
    max_pixels: MaxPixels = None,
    threads: Threads = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Set new thresholds from good pictures, without a new fit.

    The good training pictures of DATA count. Without -o the thresholds are shown, and nothing is
    written.
    """
    use_threads(threads)
    if output is not None:
        outputs.check_file(output, force=force)
    import blemish

    old = blemish.load(model)
    new = blemish.recalibrate(
        old,
        blemish.open_dataset(data, category=category),
        false_alarm_rate=false_alarm_rate,
        smallest_region_px=smallest_region,
        limits=read_limits(max_pixels),
        progress=TerminalProgress(),
    )
    if output is not None:
        new.save(output, force=force)
    if as_json:
        console.write_json(_result(old, new, output))
    else:
        console.write_facts(_facts(new, output))
    if output is not None:
        console.next_steps(["predict", output, "PICTURE..."])
    else:
        other = Path(f"{model.stem}-calibrated.onnx")
        console.next_steps(["calibrate", *with_option(typed(ctx), "-o", other)])


def _result(old: Model, new: Model, output: Path | None) -> dict[str, Any]:
    written = {"path": str(output), "sha256": new.sha256} if output is not None else {}
    calibrations = {"before": old.calibration.to_dict(), "calibration": new.calibration.to_dict()}
    return {"path": None, "sha256": None} | written | calibrations


def _facts(model: Model, output: Path | None) -> Iterator[tuple[str, str | None]]:
    yield "model", "not written (-o NEW.onnx writes it)" if output is None else str(output)
    yield "sha256", None if output is None else model.sha256
    yield from threshold_facts(model.calibration.to_dict())
