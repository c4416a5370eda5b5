"""A monitor that watches the parts that a command judges, from run to run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli import outputs
from blemish.errors import UsageError
from blemish.files import held, write_new

if TYPE_CHECKING:
    from blemish.model.model import Model
    from blemish.monitor.monitor import Monitor

MonitorFile = Annotated[
    Path | None,
    typer.Option(
        "--monitor",
        metavar="STATE",
        help="Watch for drift; go on with the state in this file, or begin one.",
        show_default=False,
    ),
]
OfLine = Annotated[
    bool,
    typer.Option(
        "--monitor-line", help="Begin it with the line's own parts, not the training images."
    ),
]


@dataclass(frozen=True)
class Watched:
    """What is asked of a monitor.

    Attributes:
        path: of its state.
        of_line: whether it begins with the line's own parts.
        parts_per_alarm: parts among which a false alarm may come once.
        fails: whether drift ends the command with an exit code.
    """

    path: Path
    of_line: bool
    parts_per_alarm: int | None
    fails: bool

    @contextmanager
    def held(self, model: Model) -> Iterator[Monitor]:
        """A new monitor, or the one whose state is there; saved as far as it went at the end.

        No other process may go on with the state meanwhile: each would save what it saw alone.

        Raises:
            MonitorError: what is there is no state, or one of another model.
            UsageError: what is asked differs from what it began with, or it cannot be written.
            BlemishError: another process holds it.
        """
        from blemish.monitor.monitor import Monitor

        outputs.check_file(self.path, force=True)
        if not self.path.exists():
            write_new(self.path, self._begun(model).to_state().to_text())
        busy = (
            f"Another run watches with '{self.path}', and parts of one of both would be lost; wait "
            "for it, or name another file."
        )
        with held(self.path, busy=busy):
            monitor = Monitor.load(self.path, model_sha256=model.sha256)
            self._check(monitor)
            try:
                yield monitor
            finally:
                monitor.save(self.path)

    def _begun(self, model: Model) -> Monitor:
        from blemish.monitor.monitor import PARTS_PER_ALARM, Monitor
        from blemish.monitor.reference import reference_of

        reference = reference_of(model)
        return Monitor(
            reference.of_line() if self.of_line else reference,
            parts_per_alarm=self.parts_per_alarm or PARTS_PER_ALARM,
        )

    def _check(self, monitor: Monitor) -> None:
        """Raise `UsageError` where a monitor that is gone on with began otherwise than is asked."""
        began = []
        if self.parts_per_alarm not in (None, monitor.parts_per_alarm):
            began.append(f"--parts-per-alarm {monitor.parts_per_alarm}")
        if self.of_line and not monitor.of_line:
            began.append("the training images, not --monitor-line")
        if began:
            raise UsageError(
                f"'{self.path}' began with {' and '.join(began)}, and stays with it; leave the "
                "option out to go on, or name another file to begin anew."
            )
