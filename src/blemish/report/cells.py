"""What stands in a cell of a table, and how it is printed for a reader."""

from __future__ import annotations

from dataclasses import dataclass

from blemish.wording import FORMATS, Kind, interval_text

UNDEFINED = "\u2013"  # an en dash


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure of a row: its mean, lowest and highest over seeds.

    `counts` are the hits and the total behind a rate. `mean_of` is set in a row of means whose
    figure is known of fewer categories than the row has. `interval` is that of a single run.
    """

    mean: float
    low: float
    high: float
    counts: tuple[int, int] | None = None
    mean_of: int | None = None
    interval: tuple[float, float] | None = None


Cell = str | Spread | None


def main_text(cell: Cell, kind: Kind) -> str:
    """A cell without what is beside it: the name, or the mean."""
    if isinstance(cell, str):
        return cell
    return UNDEFINED if cell is None else FORMATS[kind](cell.mean)


def side_texts(cell: Cell, kind: Kind) -> list[str]:
    """What stands beside a mean: counts behind a rate, or the range over seeds; its interval."""
    if not isinstance(cell, Spread):
        return []
    low, high = FORMATS[kind](cell.low), FORMATS[kind](cell.high)
    beside = [] if low == high else [f"{low} to {high}"]
    if cell.counts is not None:
        beside = [f"{cell.counts[0]} of {cell.counts[1]}"]
    elif cell.mean_of is not None:
        beside = [f"of {cell.mean_of}"]
    return beside + ([] if cell.interval is None else [interval_text(cell.interval, kind)])


def side_text(cell: Cell, kind: Kind) -> str:
    """The same on one line, as it follows a mean: `(1 of 4) [0%, 75.0%]`; often nothing."""
    texts = side_texts(cell, kind)
    return " ".join(text if text.startswith("[") else f"({text})" for text in texts)
