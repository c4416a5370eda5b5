"""Quality gates: figures that a model must reach, as `--require image.auroc=0.95`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from blemish.errors import UsageError, did_you_mean, raise_all
from blemish.metrics.catalogue import LEVELS, Figure, figures_of
from blemish.records.findings import Figures
from blemish.settings import parse_number


@dataclass(frozen=True)
class Gate:
    """A figure and its limit: at least that, or at most where lower is better."""

    figure: Figure
    limit: float

    def problem(self, figures: Figures) -> str | None:
        """Why figures do not meet it, or `None`."""
        path = self.figure.path
        value = figures.at(self.figure.level)[self.figure.name]
        if value is None:
            reason = figures.undefined.get(path, "these images do not tell")
            return f"Gate not met: {path} is undefined: {reason}."
        higher = self.figure.better == "higher"
        met = value >= self.limit if higher else value <= self.limit
        wanted = f"at {'least' if higher else 'most'} {self.limit:g} is required"
        return None if met else f"Gate not met: {path} is {value:.6g}; {wanted}."


def read_gates(texts: Iterable[str]) -> list[Gate]:
    """Read gates as they were typed. Raises `UsageError` for all that are wrong at once."""
    known = {figure.path: figure for level in LEVELS for figure in figures_of(level)}
    gates, problems = [], []
    for text in texts:
        path, _, number = text.partition("=")
        limit = _share(number)
        if path not in known:
            names = ", ".join(known)
            problems.append(
                f"Unknown figure '{path}'; known are {names}.{did_you_mean(path, tuple(known))}"
            )
        elif limit is None:
            problems.append(f"'--require {text}' must be like {path}=0.95, from 0 to 1.")
        else:
            gates.append(Gate(known[path], limit))
    raise_all(problems, UsageError)
    return gates


def _share(text: str) -> float | None:
    """A number from 0 to 1, or `None`."""
    try:
        number = parse_number(text)
    except ValueError:
        return None
    return number if 0 <= number <= 1 else None
