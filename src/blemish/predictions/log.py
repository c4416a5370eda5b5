"""Predictions that were written, gone through again as a monitor would have seen them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from blemish.errors import BlemishError, DataError, OtherModelError
from blemish.files import looking_at
from blemish.monitor.alarm import Alarm
from blemish.monitor.monitor import Monitor
from blemish.monitor.streams import values_at
from blemish.predictions.earlier import LINES, RUN
from blemish.result import Look
from blemish.typed_json import Hash, JsonError, as_type, read_json

STEPS = 10  # of a course


@dataclass(frozen=True)
class _Line:
    """What is watched of a line; of an image that was not judged there is no score."""

    score: float | None = None
    look: dict[str, float | None] | None = None


@dataclass(frozen=True)
class _Run:
    model_sha256: Hash


@dataclass(frozen=True)
class Step:
    """Where a line stood after a part.

    Attributes:
        part: counted from 1.
        stream: with the most evidence.
        parts_a_chance: good parts among which so much comes once at most.
    """

    part: int
    stream: str
    parts_a_chance: float


@dataclass(frozen=True)
class Course:
    """How it went with a line.

    Attributes:
        parts: that were judged.
        looks: how many of them tell how the image looks.
        alarm: the first, if any.
        steps: some ten of them.
    """

    parts: int
    looks: int
    alarm: Alarm | None
    steps: tuple[Step, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def model_of_log(log: Path) -> str | None:
    """The hash of the model that judged, where the folder says it.

    Raises:
        BlemishError: it cannot be read, or is damaged.
    """
    run = _lines_file(log).with_name(RUN)
    with looking_at(run):
        if not run.is_file():
            return None
        content = run.read_bytes()
    try:
        return as_type(read_json(content.decode()), _Run).model_sha256
    except (JsonError, UnicodeDecodeError) as error:
        raise BlemishError(f"'{run}' is damaged: {error}") from error


def check_model(log: Path, monitor: Monitor) -> None:
    """Raise `OtherModelError` where another model judged than the one that a monitor watches."""
    judged = model_of_log(log)
    if judged not in (None, monitor.model_sha256):
        raise OtherModelError(
            f"'{log}' holds predictions of another model ({str(judged)[:12]}..., not "
            f"{monitor.model_sha256[:12]}...), whose scores mean something else; name that one."
        )


def replay(log: Path, monitor: Monitor) -> Course:
    """Show a monitor all parts of a log, in the order of its lines.

    Args:
        log: a file of lines as `blemish predict` writes them, or a folder that holds one.
        monitor: which takes the parts; it may have seen others before.

    Raises:
        DataError: there is no prediction in it.
        BlemishError: it cannot be read.
    """
    parts = list(_parts(_lines_file(log)))
    if not parts:
        raise DataError(f"'{log}' holds no predictions; blemish predict writes them, with -o DIR.")
    marks = {round(len(parts) * step / STEPS) for step in range(1, STEPS + 1)}
    steps = []
    for number, values in enumerate(parts, start=1):
        monitor.update_values(values)
        if number in marks:
            evidence = monitor.evidence
            stream = max(evidence, key=lambda name: evidence[name])
            steps.append(Step(monitor.parts, stream, evidence[stream]))
    looks = sum(len(values) > len(values_at(0.0, None)) for values in parts)
    return Course(len(parts), looks, monitor.alarm, tuple(steps))


def _lines_file(log: Path) -> Path:
    with looking_at(log):
        return log / LINES if log.is_dir() else log


def _parts(path: Path) -> Iterator[Mapping[str, float]]:
    """What is watched of each part; lines that are torn, or none of ours, are passed over."""
    with looking_at(path):
        content = path.read_bytes()
    for raw in content.splitlines():
        try:
            line = as_type(read_json(raw.decode()), _Line)
        except (JsonError, UnicodeDecodeError):
            continue
        if line.score is not None:
            yield values_at(line.score, _look(line.look))


def _look(values: dict[str, float | None] | None) -> Look | None:
    try:
        return None if values is None else as_type([values[n] for n in Look._fields], Look)
    except (KeyError, JsonError):
        return None
