"""What was done to a model since its fit, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blemish.cli.models import tell_made
from blemish.cli.thresholds import threshold_facts
from blemish.wording import bytes_text, counted, seconds_text

if TYPE_CHECKING:
    from blemish.model.history import Step
    from blemish.model.model import Model


def write_step(model: Model, path: Path, seconds: float, *, as_json: bool) -> None:
    """Print what a step made."""
    told = [*history_facts(model.facts.history), *threshold_facts(model.calibration.stated())]
    tell_made(
        model,
        path,
        as_json=as_json,
        result=_result(model, seconds),
        facts=[*told, ("time", seconds_text(seconds))],
    )


def history_facts(history: tuple[Step, ...]) -> Iterator[tuple[str, str]]:
    """Each step, and what they leave of the promises; nothing where there was none."""
    from blemish.model.history import promise_told

    for number, step in enumerate(history, start=1):
        yield f"step {number}", step.told()
    if told := promise_told(history):
        yield "promise", told


def extras_facts(extras: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """How large thumbnails in a model file are, where it keeps some."""
    from blemish.model.extras import THUMBNAILS_KEY, read_thumbnails

    small = read_thumbnails(extras, "the model")
    if small:
        size = bytes_text(len(extras[THUMBNAILS_KEY]))
        yield "thumbnails", f"{counted(len(small.jpeg), 'image')} of {small.side_px} px, {size}"


def _result(model: Model, seconds: float) -> dict[str, Any]:
    return {
        "bytes": model.size_bytes,
        "step": model.facts.history[-1].to_dict(),
        "steps": len(model.facts.history),
        "calibration": model.calibration.to_dict(),
        "seconds": seconds,
    }
