"""`blemish drift`: whether a line has changed, from the predictions that were written of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli import console
from blemish.cli.command import GATE_NOT_MET
from blemish.cli.options import AsJson

if TYPE_CHECKING:
    from blemish.monitor.alarm import Alarm
    from blemish.monitor.monitor import Monitor
    from blemish.predictions.log import Course

Log = Annotated[
    Path,
    typer.Argument(
        metavar="LOG", help="Folder that predict -o wrote, or its lines.", show_default=False
    ),
]
AgainstModel = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="Hold parts against its training images (default: against the log's own).",
        show_default=False,
    ),
]
PartsPerAlarm = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        show_default=False,
        help="Parts among which a false alarm may come once (default 100,000).",
    ),
]
FailOnDrift = Annotated[
    bool, typer.Option("--fail-on-drift", help="Exit code 4 where the line has changed.")
]
UNKNOWN = "0" * 64  # model of a log that names none


def drift(
    log: Log,
    *,
    model: AgainstModel = None,
    parts_per_alarm: PartsPerAlarm = None,
    fail_on_drift: FailOnDrift = False,
    as_json: AsJson = False,
) -> None:
    """Tell from predictions whether a line has changed.

    Also since which part, and in what. Parts are taken in the order of the lines. Lines that
    predict --monitor wrote tell how the images look, too (light, contrast, sharpness, place); of
    others, scores alone are watched.
    """
    from blemish.predictions.log import check_model, replay

    monitor = begun(model, parts_per_alarm, of_line=model is None, log=log)
    check_model(log, monitor)
    course = replay(log, monitor)
    if as_json:
        console.write_json(course.to_dict())
    else:
        console.write_facts(_facts(course))
        rows = [(f"{s.part:,}", s.stream, _once(s.parts_a_chance)) for s in course.steps]
        console.write("\n" + console.columns([("part", "most evidence", "by chance"), *rows]))
    if fail_on_drift and course.alarm:
        raise typer.Exit(GATE_NOT_MET)


def begun(model: Path | None, parts_per_alarm: int | None, *, of_line: bool, log: Path) -> Monitor:
    """A monitor that has seen nothing yet, of the model or of the one that wrote a log."""
    from blemish.model.model import load
    from blemish.monitor.monitor import PARTS_PER_ALARM, Monitor
    from blemish.monitor.reference import Reference, reference_of
    from blemish.predictions.log import model_of_log

    if model is None:
        reference = Reference(model_of_log(log) or UNKNOWN)
    else:
        with load(model) as loaded:
            reference = reference_of(loaded)
    reference = reference.of_line() if of_line else reference
    return Monitor(reference, parts_per_alarm=parts_per_alarm or PARTS_PER_ALARM)


def tell_drift(monitor: Monitor) -> None:
    """Say where a line stands."""
    if monitor.alarm is not None:
        console.note(monitor.alarm.spell())
        return
    evidence = monitor.evidence
    name = max(evidence, key=lambda one: evidence[one])
    console.say(
        f"monitor: {monitor.parts:,} parts, no change seen; most evidence in {name}, "
        f"{_once(evidence[name])} by chance"
    )


def _facts(course: Course) -> Iterator[tuple[str, str]]:
    yield "parts", f"{course.parts:,}, {course.looks:,} with how their images look"
    yield "drift", _spell(course.alarm)


def _spell(alarm: Alarm | None) -> str:
    return "none seen" if alarm is None else alarm.spell()


def _once(parts: float) -> str:
    """How often as much evidence comes by chance."""
    return "always" if parts < 10 else f"once in {parts:,.0f} parts" if parts < 1e9 else "never"
