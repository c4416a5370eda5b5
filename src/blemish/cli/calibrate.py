"""`blemish calibrate`: other thresholds for a model that is fitted already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blemish.cli import console, outputs
from blemish.cli.bars import TerminalProgress
from blemish.cli.command import typed, with_option
from blemish.cli.models import ModelChoice, tell_made
from blemish.cli.options import (
    AsJson,
    Category,
    Data,
    DataChoice,
    Defect,
    FalseAlarmRate,
    Force,
    Good,
    Ignore,
    MaxPixels,
    ModelFile,
    Provider,
    Raw,
    RegionRate,
    Roi,
    SmallestRegion,
    Tail,
    Threads,
    ZonesFile,
    read_number,
    read_zones,
    use_threads,
)
from blemish.cli.thresholds import small_rate_text, threshold_facts
from blemish.errors import UsageError
from blemish.wording import score_text

if TYPE_CHECKING:
    from blemish.calibration import Costs
    from blemish.model.model import Model

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="NEW.onnx", help="Model file to write (default: none)."),
]
Defects = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="PATH",
        help="Known defects, images or folders of them, for a threshold by costs. Repeatable.",
    ),
]
CostMiss = Annotated[
    float | None, typer.Option(metavar="COST", help="Of a defect that passes, in any unit.")
]
CostFalseAlarm = Annotated[
    float | None, typer.Option(metavar="COST", help="Of a good image that is rejected.")
]
DefectRate = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        parser=read_number,
        help="Defects on the line (default: as among those given).",
    ),
]


def calibrate(
    ctx: typer.Context,
    model: ModelFile,
    data: Data,
    *,
    output: Output = None,
    category: Category = None,
    good: Good = None,
    ignore: Ignore = None,
    defect: Defect = None,
    false_alarm_rate: FalseAlarmRate = None,
    region_rate: RegionRate = None,
    tail: Tail = False,
    defects: Defects = None,
    cost_miss: CostMiss = None,
    cost_false_alarm: CostFalseAlarm = None,
    defect_rate: DefectRate = None,
    smallest_region: SmallestRegion = None,
    zones: ZonesFile = None,
    roi: Roi = None,
    max_pixels: MaxPixels = None,
    raw: Raw = None,
    threads: Threads = None,
    provider: Provider = "cpu",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Set new thresholds from good images, without a new fit.

    The good training images of DATA count. What was is shown beside what is, with how many of the
    model's own good images, left out of its fit, and of these are above either threshold. Without
    -o nothing is written. With --defects, --cost-miss and --cost-false-alarm the image threshold is
    the one of the lowest cost; such defects must be no test images. With --zones only what they
    inspect of the map counts from now on, and only images that the model was not fitted on.
    """
    use_threads(threads)
    costs = _read_costs(defects, cost_miss, cost_false_alarm, defect_rate)
    if output is not None:
        outputs.check_file(output, force=force)
    import blemish

    choice = ModelChoice.read(model, provider, max_pixels, raw)
    inspected, known = read_zones(zones, roi), choice.images(defects)
    old = choice.load()
    new = blemish.recalibrate(
        old,
        DataChoice(data, category, good=good, ignore=ignore, defect=defect, raw=choice.raw).open(),
        false_alarm_rate=false_alarm_rate,
        region_rate=region_rate,
        tail=tail,
        costs=costs,
        defects=known,
        smallest_region_px=smallest_region,
        zones=inspected,
        progress=TerminalProgress(),
    )
    if output is not None:
        new.save(output, force=force)
    tell_made(
        new,
        output,
        as_json=as_json,
        result=_result(old, new),
        facts=threshold_facts(new.calibration.stated()),
        # Within other zones scores mean something else than before.
        table=_side_by_side(old, new) if inspected is None else None,
    )
    if output is not None:
        console.next_steps(["predict", output, "IMAGE...", *choice.raw_arguments])
    else:
        other = Path(f"{model.stem}-calibrated.onnx")
        console.next_steps(["calibrate", *with_option(typed(ctx), "-o", other)])


def _read_costs(
    defects: Sequence[Path] | None,
    miss: float | None,
    false_alarm: float | None,
    defect_rate: float | None,
) -> Costs | None:
    """The costs, where any part of the rule is given. Raises `UsageError` where one is missing."""
    given = {
        "--defects": defects or None,
        "--cost-miss": miss,
        "--cost-false-alarm": false_alarm,
    }
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == len(given) and defect_rate is None:
        return None
    if miss is None or false_alarm is None or missing:
        raise UsageError(
            f"A threshold by costs takes {', '.join(given)} together; {', '.join(missing)} is "
            "missing."
        )
    from blemish.calibration import Costs

    return Costs(miss, false_alarm, defect_rate)


def _result(old: Model, new: Model) -> dict[str, Any]:
    from blemish.model.recalibration import threshold_changes

    calibrations = {"before": old.calibration.to_dict(), "calibration": new.calibration.to_dict()}
    changes = {f"{one.level}_threshold": one.to_dict() for one in threshold_changes(old, new)}
    return {**calibrations, "changes": changes}


def _side_by_side(old: Model, new: Model) -> Iterator[tuple[str, str, str]]:
    """A table of what was and what is, headed."""
    from blemish.model.recalibration import threshold_changes

    yield "", "before", "now"
    for one in threshold_changes(old, new):
        rate = "false-alarm rate" if one.level == "image" else "region rate"
        yield f"{one.level} threshold", score_text(one.before), score_text(one.now)
        yield rate, small_rate_text(one.rate_before), small_rate_text(one.rate)
        for whose, above in (("own", one.own), ("these", one.new)):
            before, now = (f"{count} of {above.images}" for count in (above.before, above.now))
            yield f"{whose} good images above", before, now
