"""Quality gates: figures that a model must reach, as `--require image.auroc=0.95`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blemish.errors import UsageError, did_you_mean, told_at_once

if TYPE_CHECKING:
    from blemish.records.record import Figures

AT_MOST = ("false_alarm_rate", "miss_rate")
BOTH = ("auroc", "ap", "f1_max", "f1", *AT_MOST)
LEVELS = {
    "image": (*BOTH, "recall_at_0", "recall_at_1", "recall_at_5"),
    "pixel": (*BOTH, "au_pro_30", "au_pro_5", "aupimo", "region_recall"),
}
KNOWN = tuple(f"{level}.{name}" for level, names in LEVELS.items() for name in names)


@dataclass(frozen=True)
class Gate:
    """A figure and its limit: scores must be at least that, rates at most."""

    figure: str
    limit: float

    def problem(self, figures: Figures) -> str | None:
        """Why figures do not meet it, or `None`."""
        level, name = self.figure.split(".")
        value = getattr(figures, level)[name]
        if value is None:
            reason = figures.undefined.get(self.figure, "these images do not tell")
            return f"Gate not met: {self.figure} is undefined: {reason}."
        met = value <= self.limit if name in AT_MOST else value >= self.limit
        side = "at most" if name in AT_MOST else "at least"
        wanted = f"{side} {self.limit:g} is required"
        return None if met else f"Gate not met: {self.figure} is {value:.6g}; {wanted}."


def read_gates(texts: Iterable[str]) -> list[Gate]:
    """Read gates as they were typed. Raises `UsageError` for all that are wrong at once."""
    gates, problems = [], []
    for text in texts:
        figure, _, number = text.partition("=")
        limit = _share(number)
        if figure not in KNOWN:
            known = ", ".join(KNOWN)
            problems.append(
                f"Unknown figure '{figure}'; known are {known}.{did_you_mean(figure, KNOWN)}"
            )
        elif limit is None:
            problems.append(f"'--require {text}' must be like {figure}=0.95, from 0 to 1.")
        else:
            gates.append(Gate(figure, limit))
    told_at_once(problems, UsageError)
    return gates


def _share(text: str) -> float | None:
    """A number from 0 to 1, or `None`."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number <= 1 else None
